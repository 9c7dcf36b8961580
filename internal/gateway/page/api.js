// Requests to the gateway, the state that all views share, and live events.

// The page is at the root of the gateway, which a proxy may serve below a path prefix, with or
// without a trailing slash. All requests are relative to it.
const root = location.pathname.replace(/\/*$/, '/');

const shared = {
  runs: [], waiting: [], states: [], tenants: [], attention: [],
  progress: new Map(), // run number -> progress of its entities by name
  events: [], // latest live events, newest first
  loadedAt: 0, // when runs, waiting, states and attention were loaded
  error: '', // why the last attempt failed
  offlineSince: 0, // since when live events are interrupted
};
const maxEvents = 300;

async function call(method, path, options) {
  let response;
  try {
    response = await fetch(root + path, { method, ...options });
  } catch {
    throw new Error('lazisync is unreachable');
  }
  if (response.status === 401) {
    signedOut();
    throw new Error(path === 'session' ? 'Unknown API token.' : 'The session has expired. Sign in again.');
  }
  const text = await response.text();
  let answer = {};
  try {
    answer = text ? JSON.parse(text) : {};
  } catch { /* not from lazisync, but from a proxy */ }
  if (!response.ok) throw Object.assign(new Error(answer.detail || answer.title || 'lazisync responded with status ' + response.status), { status: response.status });
  return answer;
}

const get = path => call('GET', path);
const post = (path, data) => call('POST', path, data && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(data) });

// notice displays a message. about names its subject, so that a later success can clear it.
function notice(text, kind, about) {
  $('notice').textContent = text;
  $('notice').className = kind || 'muted';
  $('notice').dataset.about = about || '';
}

function signedOut() {
  if (source) source.close();
  document.body.className = 'closed';
  $('token').focus();
}

let latest = 0;
// loadShared loads what the overview shows and most views use.
async function loadShared() {
  const mine = ++latest;
  const [r, s, a] = await Promise.allSettled([get('api/sync/runs?limit=20'), get('api/sync/state'), get('api/sync/attention')]);
  if (mine !== latest) return; // a later call has finished
  if (r.value) Object.assign(shared, { runs: r.value.runs, waiting: r.value.waiting });
  if (s.value) Object.assign(shared, { states: s.value.states, tenants: s.value.tenants });
  if (a.value) shared.attention = a.value.attention;
  const failed = [r, s, a].find(x => x.reason);
  shared.error = failed ? failed.reason.message : '';
  if (failed) notice(shared.error, 'bad', 'load');
  else {
    shared.loadedAt = Date.now();
    if ($('notice').dataset.about === 'load') notice('');
  }
  await Promise.all(shared.runs.filter(isOpen).map(loadProgress));
}

const loaded = new Map(); // run number -> when its progress was loaded
// loadProgress loads the progress of an open run from its workflow: live events have changes only.
async function loadProgress(run) {
  if (Date.now() - (loaded.get(run.runNumber) || 0) < 15000) return;
  loaded.set(run.runNumber, Date.now());
  try {
    takeProgress(run.runNumber, await get('api/temporal/workflows/' + encodeURIComponent(run.workflowId)));
  } catch { /* the counts of the ledger are displayed without totals */ }
}

function takeProgress(runNumber, { progress }) {
  if (!progress || progress.runNumber !== runNumber) return;
  for (const e of progress.entities) if (!(progressOf(runNumber).get(e.entity)?.records > e.records)) progressOf(runNumber).set(e.entity, e);
}

function progressOf(runNumber) {
  if (!shared.progress.has(runNumber)) shared.progress.set(runNumber, new Map());
  return shared.progress.get(runNumber);
}

let source;
// listen receives live events until the session ends. It reconnects by itself.
function listen() {
  if (document.body.className === 'closed' || document.hidden) return;
  source?.close();
  source = new EventSource(root + 'api/events');
  source.onopen = () => { shared.offlineSince = 0; loaded.clear(); refreshSoon(); };
  source.onerror = () => {
    shared.offlineSince ||= Date.now();
    refreshSoon();
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000); // rejected: the browser does not reconnect by itself
  };
  for (const name of ['accepted', 'rejected', 'started', 'progress', 'paused', 'resumed', 'stale', 'fresh', 'completed', 'failed', 'cancelled']) {
    source.addEventListener('sync.' + name, message => received(name, JSON.parse(message.data)));
  }
}

function received(name, event) {
  const data = event.data;
  if (name === 'progress') {
    progressOf(data.runNumber).set(data.entity, data);
    render();
    return;
  }
  shared.events.unshift({ name, event, at: event.time || new Date().toISOString() });
  shared.events.length = Math.min(shared.events.length, maxEvents);
  if (['completed', 'failed', 'cancelled'].includes(name)) shared.progress.delete(data.runNumber);
  if (name === 'rejected') {
    const harmless = ['unknownRun', 'finishedRun', 'ambiguous'].includes(data.code);
    notice('Request rejected: ' + data.reason, harmless ? 'muted' : 'bad');
  }
  refreshSoon();
}
