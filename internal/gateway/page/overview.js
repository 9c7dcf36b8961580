// The overview: is the data fresh, what is open, what needs attention. And the list of entities.
const isStale = s => s.stale || shared.attention.some(a => a.code === 'stale' && a.tenantId === s.tenantId && a.entities.includes(s.entity));
const byUrgency = (a, b) => isStale(b) - isStale(a) || (b.ageSeconds || 0) / (b.targetSeconds || 1e9) - (a.ageSeconds || 0) / (a.targetSeconds || 1e9);
const shownEntities = 8;

function question(title, kind, verdict, ...detail) {
  return h('section', { class: 'question ' + kind, 'aria-label': title, 'data-key': title },
    h('div', { class: 'summary' }, h('h2', null, title), h('p', { class: 'verdict' }, verdict)),
    h('div', { class: 'inner', 'data-title': title }, detail));
}

// ageMeter displays the age of an entity as a part of the age that it may have.
function ageMeter(s) {
  if (!s.asOf || !s.targetSeconds) return null;
  const age = seconds(s.asOf);
  const kind = isStale(s) ? 'bad' : age > 0.8 * s.targetSeconds ? 'warn' : 'good';
  return h('span', { class: 'meter' }, bar(`${Math.round(100 * age / s.targetSeconds)} percent of the largest allowed age`, [[age, kind]], s.targetSeconds));
}

function freshnessQuestion() {
  const states = [...shared.states].sort(byUrgency);
  const evaluated = states.filter(s => s.targetSeconds);
  const stale = states.filter(isStale);
  if (!states.some(s => s.asOf || s.lastFullSync)) {
    return question('Is the data fresh?', 'warn', 'No data yet',
      h('p', null, 'Start with a full sync, which reads all records. Incremental syncs then read changes.'),
      isViewer() ? null : h('p', null, h('a', { class: 'button primary', href: '#/start?mode=full' }, 'Start a full sync')));
  }
  const verdict = stale.length ? `${stale.length} of ${count(evaluated.length, 'entity', 'entities')} ${stale.length === 1 ? 'is' : 'are'} stale`
    : evaluated.length ? `Yes, all ${count(evaluated.length, 'entity', 'entities')}` : 'Not evaluated (SYNC_FRESHNESS is off)';
  const causes = shared.attention.filter(a => a.code === 'stale').map(a => /Likely cause: (.*)$/.exec(a.text)?.[1]).filter(Boolean);
  return question('Is the data fresh?', stale.length ? 'bad' : evaluated.length ? 'good' : '', verdict,
    [...new Set(causes)].map(c => h('p', { class: 'bad' }, 'Likely cause: ' + c)),
    h('ul', { class: 'list' }, states.slice(0, shownEntities).map(s => h('li', { 'data-key': s.tenantId + s.entity },
      h('div', { class: 'line' },
        link(`#/runs${query({ entity: s.entity, tenant: s.tenantId })}`, s.entity), h('span', { class: 'tenant muted' }, s.tenantId),
        ageMeter(s), h('span', { class: 'age ' + (isStale(s) ? 'bad' : '') }, isStale(s) ? 'stale, ' : '', when(s.asOf, 'never read')))))),
    states.length > shownEntities && h('p', null, link('#/entities', `All ${states.length} entities`)));
}

function openQuestion() {
  const open = shared.runs.filter(isOpen);
  const requests = shared.waiting.reduce((n, w) => n + w.requests, 0);
  const verdict = [open.length && count(open.length, 'run'), requests && count(requests, 'waiting request')].filter(Boolean).join(', ');
  return question('What is open?', open.some(r => r.paused) || shared.waiting.some(w => w.why !== 'busy' && w.why !== 'secondPass' && w.why !== 'interval') ? 'warn' : '', verdict || 'Nothing',
    h('ul', { class: 'list' }, open.map(openRun), shared.waiting.map(waitingItem)));
}

function openRun(run) {
  const entities = run.entities.map(name => [name, entityProgress(run, name)]);
  const reading = entities.filter(([, e]) => e.phase && e.phase !== 'done' && e.phase !== 'queued');
  return h('li', { 'data-key': 'run' + run.runNumber },
    h('div', { class: 'line' }, h('strong', null, runLink(run.runNumber)), h('span', null, modeText(run)), h('span', { class: 'tenant muted' }, run.tenantId),
      stateBadge(run.state), when(run.startedAt)),
    run.paused && h('div', { class: 'warn' }, pauseText(run.paused)),
    h('div', { class: 'fix' }, requesterText(run.requestedBy)),
    (reading.length ? reading : entities.slice(0, 4)).slice(0, 6).map(([name, e]) => h('div', { class: 'progress' },
      h('div', { class: 'line' }, h('span', null, name), h('span', { class: e.waiting ? 'warn' : 'muted' }, progressText(run, e))), progressBar(run, name, e))),
    controls(run));
}

function waitingItem(w) {
  return h('li', { 'data-key': w.requestId + w.why },
    h('div', { class: 'line' }, link('#/requests/' + w.requestId, count(w.requests, w.mode + ' request')), h('span', { class: 'tenant muted' }, w.tenantId)),
    h('div', { class: 'warn' }, waitText(w)),
    h('div', { class: 'fix' }, [requesterText(w.requestedBy), w.entities.join(', ')].filter(Boolean).join(' · ')));
}

const attentionLinks = {
  entityFailed: a => '#/runs/' + a.runNumber, runPaused: a => '#/runs/' + a.runNumber, schedulePaused: () => '#/schedules',
  deadLetters: () => '#/dead-letters', rejectedRecords: a => '#/rejected' + query({ entity: a.entities[0], tenant: a.tenantId }),
};

function attentionQuestion() {
  const items = shared.attention.filter(a => a.code !== 'stale');
  const errors = items.filter(a => a.severity === 'error').length;
  return question('What needs you?', errors ? 'bad' : items.length ? 'warn' : 'good', items.length ? count(items.length, 'thing') : 'Nothing',
    h('ul', { class: 'list' }, items.map(a => h('li', { 'data-key': a.code + (a.runNumber || '') + (a.scheduleId || '') + (a.entities || '') },
      h('div', { class: a.severity === 'error' ? 'bad' : 'warn' }, attentionLinks[a.code] ? link(attentionLinks[a.code](a), a.text) : a.text),
      h('div', { class: 'fix' }, [a.since && ago(a.since), a.fix && 'Fix: ' + a.fix].filter(Boolean).join(' · '))))));
}

const overview = {
  title: () => 'Overview',
  buttons: startLinks,
  render() {
    if (!shared.loadedAt) return shared.error ? null : h('p', { class: 'empty' }, 'Loading…');
    const finished = shared.runs.filter(r => !isOpen(r)).slice(0, 10);
    return [
      h('div', { class: 'questions' }, freshnessQuestion(), openQuestion(), attentionQuestion()),
      h('h2', null, 'Latest runs'),
      finished.length ? [runTable('Latest runs', finished), h('p', null, link('#/runs', 'All runs'))] : h('p', { class: 'empty' }, 'No runs yet.'),
    ];
  },
};

function startLinks() {
  const links = Object.entries(modes).map(([mode, { title }]) => h('a', { class: 'button', href: '#/start?mode=' + mode }, title + '…'));
  return h('div', { class: 'actions' }, isViewer() ? h('span', { class: 'muted' }, viewerReason + '.') : links);
}

const entities = {
  title: () => 'Entities',
  render({ tenant }) {
    const states = [...shared.states].filter(s => !tenant || s.tenantId === tenant).sort(byUrgency);
    if (!states.length) return h('p', { class: 'empty' }, shared.loadedAt ? 'No entities synced yet.' : 'Loading…');
    return [tenantFilter(tenant), table('Entities', ['Entity', 'Tenant', 'Age', 'Largest allowed age', 'Records*', 'Last full', 'Last incremental', 'Last result', 'Start!'], states.map(s =>
      h('tr', { 'data-key': s.tenantId + s.entity },
        h('th', { scope: 'row' }, link(`#/runs${query({ entity: s.entity, tenant: s.tenantId })}`, s.entity)), tenantCell(s.tenantId),
        h('td', { 'data-label': 'age', class: isStale(s) ? 'bad' : '' }, isStale(s) ? 'stale, ' : '', when(s.asOf), ' ', ageMeter(s)),
        cell('may be', s.targetSeconds ? duration(s.targetSeconds) : 'not evaluated'), numberCell('records', s.records),
        cell('last full', when(s.lastFullSync)), cell('last incremental', when(s.lastIncrementalSync)),
        h('td', { 'data-label': 'last result', class: 'status ' + (stateClass[/^\w*/.exec(s.status)[0]] || '') }, s.status),
        h('td', { class: 'control' }, isViewer() ? null : h('a', { href: '#/start' + query({ mode: 'full', entities: s.entity, tenant: s.tenantId }), 'aria-label': 'Start a sync of ' + s.entity }, 'Start…')))))];
  },
};

// tenantFilter is a selection of the tenant if there are several.
function tenantFilter(tenant) {
  if (shared.tenants.length < 2) return null;
  return h('form', { class: 'filters', 'data-filter': 'true' }, select('tenant', 'Tenant', shared.tenants, tenant));
}
