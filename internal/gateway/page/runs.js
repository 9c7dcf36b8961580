// The list of runs, the story of one run, and one request.
function runTable(caption, runs) {
  return table(caption, ['Run', 'Tenant', 'Mode', 'State', 'Started', 'Duration', 'Result', 'Requested by', 'Actions!'], runs.map(run =>
    h('tr', { 'data-key': run.runNumber },
      h('th', { scope: 'row' }, link('#/runs/' + run.runNumber, '#' + run.runNumber)), tenantCell(run.tenantId), cell('', modeText(run)),
      cell('', stateBadge(run.state)), cell('started', when(run.startedAt, '')),
      cell('took', run.startedAt ? duration(seconds(run.startedAt, run.finishedAt)) : ''),
      h('td', { class: 'full result ' + (run.error ? 'bad' : '') }, isOpen(run) ? openText(run) : summary(run)),
      h('td', { class: 'text', 'data-label': 'requested by' }, requesterText(run.requestedBy)),
      h('td', { class: 'control' }, controls(run)))));
}

const openText = run => run.paused ? pauseText(run.paused) : number.format(run.results.reduce((n, r) => n + r.fetched, 0)) + ' read so far';

const option = (value, text, chosen) => h('option', { value, selected: value === (chosen || '') }, text);
const select = (name, label, values, chosen) => h('label', null, label, h('select', { name }, option('', 'all', chosen), values.map(v => {
  const [value, text] = Array.isArray(v) ? v : [v, v];
  return option(value, text, chosen);
})));
const sinceTexts = [['1', 'last hour'], ['24', 'last 24 hours'], ['168', 'last 7 days']];

const runs = {
  title: () => 'Runs',
  load({ state, mode, entity, tenant, since, before }) {
    const from = since ? new Date(Date.now() - since * 3600e3).toISOString() : '';
    return get('api/sync/runs' + query({ limit: 50, state, mode, entity, tenant, since: from, before }));
  },
  render(params, data) {
    const names = [...new Set(shared.states.map(s => s.entity))];
    return [
      h('form', { class: 'filters', 'data-filter': 'true', 'aria-label': 'Filter' },
        select('state', 'State', ['running', 'paused', 'completed', 'failed', 'cancelled'], params.state),
        select('mode', 'Mode', Object.keys(modes), params.mode),
        h('label', null, 'Entity', h('input', { name: 'entity', list: 'entities', value: params.entity, size: 14, autocomplete: 'off', placeholder: names[0] ? 'all' : '' })),
        shared.tenants.length > 1 && select('tenant', 'Tenant', shared.tenants, params.tenant),
        select('since', 'Started', sinceTexts, params.since),
        h('button', { type: 'submit' }, 'Filter'), Object.keys(params).length > 0 && link('#/runs', 'All runs')),
      !data ? h('p', { class: 'empty' }, 'Loading…') : data.runs.length ? runTable('Runs', data.runs) : h('p', { class: 'empty' }, 'No run matches.'),
      paging('#/runs', params, data?.nextBefore),
    ];
  },
};

// paging has links to the next and to the first page of a list.
function paging(path, params, nextBefore) {
  if (!params.before && !nextBefore) return null;
  return h('nav', { 'aria-label': 'Pages', class: 'actions' },
    params.before && h('a', { class: 'button', href: path + query({ ...params, before: '' }) }, 'Newest'),
    nextBefore && h('a', { class: 'button', href: path + query({ ...params, before: nextBefore }) }, 'Older'));
}

const run = {
  title: ({ id }) => 'Run ' + id,
  async load({ id }) {
    const story = await get('api/sync/runs/' + encodeURIComponent(id));
    const [events, workflow] = await Promise.allSettled([
      get(`api/sync/runs/${id}/events`), isOpen(story) ? get('api/temporal/workflows/' + encodeURIComponent(story.workflowId)) : {},
    ]);
    if (workflow.value) takeProgress(story.runNumber, workflow.value);
    return { story, events: events.value?.events, eventsError: events.reason?.message, retries: workflow.value?.retries || [] };
  },
  render(params, data) {
    if (!data) return h('p', { class: 'empty' }, 'Loading…');
    const { story, retries } = data;
    const by = story.requestedBy;
    const changed = story.results.find(r => r.inserted || r.updated || r.deleted);
    return [
      h('div', { class: 'actions' }, stateBadge(story.state), h('span', null, modeText(story)), controls(story),
        !isOpen(story) && !isViewer() && h('a', { class: 'button', href: '#/start' + query({ mode: story.mode, entities: story.entities.join(','), tenant: story.tenantId }) }, 'Start again…')),
      story.error && h('div', { class: 'box bad' }, h('strong', null, 'Why it failed: '), summary(story)),
      story.paused && h('div', { class: 'box warn' }, pauseText(story.paused) + (modes[story.mode]?.shared ? '. All later incremental requests of the tenant wait, webhooks included.' : '')),
      !story.error && story.reason && h('div', { class: 'box warn' }, story.reason),
      h('dl', null,
        fact('Requested by', by ? [requesterText(by), by.at ? [' (', when(by.at), ')'] : ''] : 'every request was withdrawn'),
        story.requests > 1 && fact('Serves', count(story.requests, 'request')),
        shared.tenants.length > 1 && fact('Tenant', story.tenantId),
        fact('Started', story.startedAt ? [clock(story.startedAt), ', ', when(story.startedAt)] : 'never'),
        fact(story.finishedAt ? 'Took' : 'Running for', duration(seconds(story.startedAt || story.finishedAt, story.finishedAt))),
        !isOpen(story) && !story.error && fact('Result', summary(story)),
        !isOpen(story) && fact('Outcome event', story.published ? 'published' : 'not published yet')),
      h('h2', null, 'Entities'),
      table('Entities of the run', ['Entity', 'State', 'Progress', 'Read*', 'Inserted*', 'Updated*', 'Unchanged*', 'Deleted*', 'Rejected*', 'Pages*'], story.entities.map(name => entityRow(story, name))),
      retries.length > 0 && [h('h2', null, 'Attempts'), h('ul', { class: 'list' }, retries.map(r => h('li', null,
        h('div', { class: 'warn' }, `${r.activity}, attempt ${r.attempt}`, r.nextAttempt ? [', next ', until(r.nextAttempt)] : ' is running'),
        h('div', null, 'Last error: ' + r.lastError))))],
      h('h2', null, 'What happened'),
      timeline(data),
      h('h2', null, 'Requests'),
      table('Requests of the run', ['Request', 'Source', 'Reason', 'Received'], story.requestList.slice(0, 20).map(q => h('tr', null,
        h('th', { scope: 'row' }, link('#/requests/' + q.requestId, q.requestId)), h('td', { class: 'text', 'data-label': 'source' }, q.event.source), h('td', { class: 'text', 'data-label': 'reason' }, q.reason), cell('received', when(q.receivedAt))))),
      story.requests > 20 && h('p', { class: 'muted' }, `and ${number.format(story.requests - 20)} more`),
      h('h2', null, 'Look further'),
      h('ul', { class: 'list' },
        h('li', null, link('#/rejected?run=' + story.runNumber, 'Records that this run rejected')),
        h('li', null, link('#/runs' + query({ entity: story.entities[0], tenant: story.tenantId }), 'Runs of ' + story.entities[0])),
        changed && h('li', null, 'Rows that this run changed: ', h('code', null, `select * from raw.st_${changed.entity} where tenant_id = ${story.tenantId} and run_number = ${story.runNumber}`)),
        h('li', null, 'Workflow in Temporal: ', h('code', null, story.workflowId))),
    ];
  },
};

const fact = (name, ...value) => [h('dt', null, name), h('dd', null, value)];

function entityRow(story, name) {
  const r = story.results.find(x => x.entity === name) || {};
  const open = isOpen(story);
  const e = entityProgress(story, name);
  const state = open ? (r.status && r.status !== 'cancelled' && e.phase === 'done' ? r.status : e.phase || 'queued') : r.status || 'not read';
  const text = r.error ? errorText(r.error, name) : r.skippedReason ? 'skipped: ' + r.skippedReason : open ? progressText(story, e) : '';
  const composition = bar(`${name}: ${r.inserted || 0} inserted, ${r.updated || 0} updated, ${r.deleted || 0} deleted, ${r.unchanged || 0} unchanged`,
    [[r.inserted || 0, 'good'], [r.updated || 0, 'busy'], [r.deleted || 0, 'warn'], [r.rejected || 0, 'bad'], [r.unchanged || 0, 'idle']]);
  return h('tr', { 'data-key': name },
    h('th', { scope: 'row' }, name), cell('', stateBadge(state)),
    h('td', { class: 'full ' + (r.error ? 'bad' : e.waiting && open ? 'warn' : '') }, (open && progressBar(story, name, e)) || (r.fetched > 0 && !r.differences && composition), text && h('div', null, text),
      (r.warnings || []).map(w => h('div', { class: 'warn' }, 'Warning: ' + w)),
      r.differences && h('div', { class: differing(r) ? 'warn' : '' }, differenceText(r)),
      differing(r) > 0 && !isViewer() && h('div', { class: 'actions' }, h('a', { class: 'button', href: '#/start' + query({ mode: 'rebuild', entities: name, tenant: story.tenantId }) }, `Rebuild ${name}…`))),
    numberCell('read', open ? e.records : r.fetched), numberCell('inserted', r.inserted), numberCell('updated', r.updated), numberCell('unchanged', r.unchanged), numberCell('deleted', r.deleted),
    h('td', { 'data-label': 'rejected', class: 'number' }, r.rejected ? link('#/rejected' + query({ run: story.runNumber, entity: name }), number.format(r.rejected)) : '0'), numberCell('pages', r.pages));
}

// timeline lists what happened, from the ledger and the event stream.
function timeline({ story, events, eventsError }) {
  const first = story.requestList[0];
  const items = first ? [{ at: first.receivedAt, name: 'requested', text: requesterText(story.requestedBy) }] : [];
  for (const e of events || []) {
    const name = e.type.replace(/^com\.lazi\.sync\.(\w+)\.v\d+$/, '$1');
    if (!(e.data.part > 1)) items.push({ at: e.time, name, text: eventText(name, e.data) });
  }
  items.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return [
    h('ol', { class: 'timeline' }, items.map(i => h('li', null, clock(i.at), stateBadge(i.name), ' ', i.text))),
    eventsError && h('p', { class: 'muted' }, 'The events are not available: ' + eventsError),
    events && !events.length && h('p', { class: 'muted' }, 'The event stream no longer has the events of this run.'),
  ];
}

const request = {
  title: ({ id }) => 'Request ' + id,
  async load({ id }) {
    try {
      return await get('api/sync/requests/' + encodeURIComponent(id));
    } catch (error) {
      if (error.status === 404) return { unknown: true };
      throw error;
    }
  },
  render(params, data) {
    if (!data) return h('p', { class: 'empty' }, 'Loading…');
    if (data.unknown) return h('p', { class: 'warn' }, 'No bridge has recorded this request yet. This page shows it as soon as one does.');
    const waiting = shared.waiting.find(w => w.requestId === data.requestId) || (!data.runNumber && shared.waiting.find(w => w.workflowId === data.workflowId));
    return [
      h('dl', null,
        fact('State', data.outcome ? stateBadge(data.outcome.state) : data.runNumber ? stateBadge('running') : [stateBadge('waiting'), waiting ? ': ' + waitText(waiting) : '']),
        data.runNumber > 0 && fact('Served by', runLink(data.runNumber)),
        fact('Mode', data.mode), fact('Entities', data.entities.join(', ')), data.ids && fact('Ids', data.ids.join(', ')),
        data.since && fact('Changed since', h('time', { datetime: data.since }, new Date(data.since).toLocaleString())), fact('Tenant', data.tenantId),
        fact('Source', data.event.source), fact('Event id', data.event.id), data.reason && fact('Reason', data.reason),
        fact('Received', [clock(data.receivedAt), ', ', when(data.receivedAt)]), fact('Workflow in Temporal', h('code', null, data.workflowId))),
      !data.runNumber && waiting && h('p', { class: 'muted' }, 'This page shows the run as soon as one begins.'),
    ];
  },
};
