// Requests, live events and user actions of the page.
const $ = id => document.getElementById(id);
const progress = new Map(); // run number -> progress that only its workflow has: {entities by name}
const loaded = new Set(); // run numbers whose progress was loaded
let runs = [];
let waiting = [];
let states = [];

// The page is at the root of the gateway, which a proxy may serve below a path prefix, with or
// without a trailing slash. All requests are relative to it.
const root = location.pathname.replace(/\/*$/, '/');

// notice displays a message. about names its subject, so that a later success can clear it.
function notice(text, kind, about) {
  $('notice').textContent = text;
  $('notice').className = kind || 'muted';
  $('notice').dataset.about = about || '';
}

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
  if (!response.ok) throw new Error(answer.detail || answer.title || 'lazisync responded with status ' + response.status);
  return answer;
}

function signedOut() {
  if (source) source.close();
  document.body.className = 'closed';
}

// showTenants displays the tenant selection if there are several tenants.
function showTenants(tenants) {
  $('sync').classList.toggle('single', tenants.length < 2);
  if ($('tenant').options.length === tenants.length) return;
  $('tenant').replaceChildren(...tenants.map(id => element('option', id)));
  $('tenant').hidden = tenants.length < 2;
}

function progressOf(runNumber) {
  if (!progress.has(runNumber)) progress.set(runNumber, { entities: new Map() });
  return progress.get(runNumber);
}

// loadProgress loads the progress of a run that started before this page was opened. The list of
// runs does not contain it.
async function loadProgress(run) {
  if (loaded.has(run.runNumber)) return;
  loaded.add(run.runNumber);
  try {
    const { progress: current } = await call('GET', 'api/temporal/workflows/' + encodeURIComponent(run.workflowId));
    if (!current || current.runNumber !== run.runNumber) return;
    const k = progressOf(run.runNumber);
    for (const e of current.entities) if (!(k.entities.get(e.entity)?.records > e.records)) k.entities.set(e.entity, e);
    showAll();
  } catch {
    loaded.delete(run.runNumber);
  }
}

let latest = 0;
async function refresh() {
  const mine = ++latest;
  try {
    const [r, s] = await Promise.all([call('GET', 'api/sync/runs?limit=20'), call('GET', 'api/sync/state')]);
    if (mine !== latest) return; // a later refresh has finished
    runs = r.runs;
    waiting = r.waiting;
    states = s.states;
    showTenants(s.tenants);
    showAll();
    if ($('notice').dataset.about === 'refresh') notice('');
    runs.filter(isOpen).forEach(loadProgress);
  } catch (error) {
    notice(error.message, 'failed', 'refresh');
  }
}

let pending;
function refreshSoon() {
  pending ||= setTimeout(() => { pending = 0; refresh(); }, 300);
}

async function act(button, path, done, data) {
  if (button.ariaDisabled === 'true') return;
  button.ariaDisabled = 'true'; // disabled would lose the focus
  try {
    const body = data && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(data) };
    const result = await call('POST', path, body);
    notice(done + ' (request ' + result.requestId + ')');
    refreshSoon();
  } catch (error) {
    notice(error.message, 'failed');
  } finally {
    button.ariaDisabled = 'false';
  }
}

for (const button of document.querySelectorAll('[data-start]')) {
  button.addEventListener('click', () =>
    act(button, 'sync/' + button.dataset.start, button.textContent + ' requested', $('tenant').hidden ? undefined : { tenantId: $('tenant').value }));
}
$('refresh').addEventListener('click', refresh);
$('login').addEventListener('submit', async submitted => {
  submitted.preventDefault();
  const token = $('token').value;
  $('token').value = '';
  try {
    await call('POST', 'session', { headers: { Authorization: 'Bearer ' + String.fromCharCode(...new TextEncoder().encode(token)) } });
    location.reload();
  } catch (error) {
    notice(error.message, 'failed');
    $('token').focus();
  }
});
$('sign-out').addEventListener('click', async () => {
  try {
    await call('DELETE', 'session');
    location.reload();
  } catch (error) {
    notice(error.message, 'failed');
  }
});

let source;
function listen() {
  if (document.body.className === 'closed') return;
  source = new EventSource(root + 'api/events');
  source.onopen = () => { showLive('live'); loaded.clear(); refresh(); };
  source.onerror = () => {
    showLive('reconnecting');
    refreshSoon();
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000); // rejected: the browser does not reconnect by itself
  };
  const on = (name, handle) => source.addEventListener('sync.' + name, message => handle(JSON.parse(message.data).data));
  on('progress', data => { progressOf(data.runNumber).entities.set(data.entity, data); showAll(); });
  on('paused', refreshSoon); // the ledger has the pause before the event is published
  on('resumed', refreshSoon);
  on('rejected', data => notice('Request rejected: ' + data.reason, ['unknownRun', 'finishedRun', 'ambiguous'].includes(data.code) ? 'muted' : 'failed'));
  on('accepted', refreshSoon);
  on('started', refreshSoon);
  for (const name of ['completed', 'failed', 'cancelled']) on(name, data => { progress.delete(data.runNumber); refreshSoon(); });
}

function showLive(text) {
  put($('live'), text);
  $('live').className = 'inside ' + (text === 'live' ? 'live' : 'waits');
}

if (document.body.className !== 'closed') {
  listen();
  refresh();
  setInterval(showAll, 5000); // update the relative times
}
