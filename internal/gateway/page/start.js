// The form that starts a sync of chosen entities.
const modes = Object.fromEntries([...$('modes').content.querySelectorAll('i')].map(e => [e.id, { ...e.dataset }]));

const start = {
  title: () => 'Start a sync',
  render(params) {
    if (isViewer()) return h('p', { class: 'warn' }, viewerReason + '.');
    const mode = modes[params.mode] ? params.mode : 'incremental';
    const { one, all } = modes[mode];
    const chooses = mode === 'incremental';
    const chosen = new Set((params.entities || '').split(',').filter(Boolean));
    const names = [...new Set([...shared.states.map(s => s.entity), ...chosen])];
    return h('form', { id: 'start' },
      h('fieldset', null, h('legend', null, 'Mode'), Object.entries(modes).map(([name, info]) => h('label', { class: 'choice' },
        h('input', { type: 'radio', name: 'mode', value: name, checked: name === mode }), h('span', null, info.title, ' ', h('small', null, info.text))))),
      shared.tenants.length > 1 && h('div', { class: 'field' }, h('label', { for: 'start-tenant' }, 'Tenant'),
        h('select', { id: 'start-tenant', name: 'tenant' }, shared.tenants.map(t => option(t, t, params.tenant || shared.tenants[0])))),
      h('fieldset', null, h('legend', null, one ? 'Entity' : 'Entities (none: those in SYNC_ENTITIES)'),
        h('div', { class: 'choices' }, names.map(name => h('label', { class: 'choice' },
          h('input', { type: one ? 'radio' : 'checkbox', name: 'entity', value: name, checked: chosen.has(name) }), h('span', null, name)))),
        h('div', { class: 'field' }, h('label', { for: 'more' }, one ? 'Another entity' : 'Other entities, separated by commas (* for all)'),
          h('input', { id: 'more', name: 'more', list: one ? 'entities' : null, autocomplete: 'off' }))),
      chooses && h('fieldset', null, h('legend', null, 'Only some records of one entity (optional)'),
        h('div', { class: 'field' }, h('label', { for: 'start-ids' }, 'Their ids, separated by commas'), h('input', { id: 'start-ids', name: 'ids', autocomplete: 'off' })),
        h('div', { class: 'field' }, h('label', { for: 'start-since' }, 'or those changed since'), h('input', { id: 'start-since', name: 'since', type: 'datetime-local' }))),
      h('div', { class: 'field' }, h('label', { for: 'start-reason' }, 'Reason (optional, shown with the run)'), h('input', { id: 'start-reason', name: 'reason', maxlength: 500, autocomplete: 'off' })),
      all && h('p', null, h('label', { class: 'choice' }, h('input', { type: 'checkbox', name: 'allowDeletes' }),
        h('span', null, 'Allow deletes ', h('small', null, 'marks missing rows as deleted even if they are more than SYNC_DELETE_GUARD allows')))),
      h('div', { class: 'actions' }, h('button', { type: 'submit', class: 'primary', 'aria-disabled': busy.has('start') && 'true' }, 'Start ' + modes[mode].title.toLowerCase())));
  },
};

async function submitStart(form) {
  const data = new FormData(form);
  const ids = (data.get('ids') || '').split(',').map(id => id.trim()).filter(Boolean);
  const entities = [...data.getAll('entity'), ...(data.get('more') || '').split(',').map(e => e.trim()).filter(Boolean)];
  const body = {
    ids: ids.length ? [...new Set(ids)] : undefined, since: data.get('since') ? new Date(data.get('since')).toISOString() : undefined,
    tenantId: data.get('tenant') || undefined, entities: entities.length ? [...new Set(entities)] : undefined,
    reason: data.get('reason').trim() || undefined, allowDeletes: data.get('allowDeletes') ? true : undefined,
  };
  if (busy.has('start')) return;
  busy.add('start');
  try {
    const { requestId } = await post('sync/' + data.get('mode'), body);
    notice(`${modes[data.get('mode')].title} requested (request ${requestId})`);
    location.hash = '#/requests/' + requestId;
  } catch (error) {
    notice(error.message, 'bad');
  } finally {
    busy.delete('start');
    refreshSoon();
  }
}
