// What the page asks, hears and does.
const $ = id => document.getElementById(id);
const going = new Map(); // run number -> what only its workflow knows: {paused, entities by name}
const answered = new Set(); // run numbers whose workflow was asked
let runs = [];
let states = [];

// The page is at the root of the gateway, which a proxy may have put below a path prefix, with or
// without a slash at the end. All addresses begin there.
const root = location.pathname.replace(/\/*$/, '/');

// notice says what happened; about says of what, so that good news can take it back.
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
    throw new Error('lazisync does not answer');
  }
  if (response.status === 401) {
    signedOut();
    throw new Error(path === 'session' ? 'This token is not known.' : 'The session has ended: sign in again.');
  }
  const text = await response.text();
  let answer = {};
  try {
    answer = text ? JSON.parse(text) : {};
  } catch { /* something between us answered in its own way */ }
  if (!response.ok) throw new Error(answer.detail || answer.title || 'lazisync answered with status ' + response.status);
  return answer;
}

function signedOut() {
  if (source) source.close();
  document.body.className = 'closed';
}

// showTenants offers a choice where there is one; a request need not name the only tenant.
function showTenants(tenants) {
  $('sync').classList.toggle('single', tenants.length < 2);
  if ($('tenant').options.length === tenants.length) return;
  $('tenant').replaceChildren(...tenants.map(id => element('option', id)));
  $('tenant').hidden = tenants.length < 2;
}

function known(runNumber) {
  if (!going.has(runNumber)) going.set(runNumber, { paused: false, entities: new Map() });
  return going.get(runNumber);
}

// ask learns of a run that went on before this page listened: the ledger does not know how
// far it is, nor that it is paused.
async function ask(run) {
  if (answered.has(run.runNumber)) return;
  answered.add(run.runNumber);
  try {
    const { progress } = await call('GET', 'api/temporal/workflows/' + encodeURIComponent(run.workflowId));
    if (!progress || progress.runNumber !== run.runNumber) return;
    const k = known(run.runNumber);
    k.paused = progress.paused;
    for (const e of progress.entities) if (!(k.entities.get(e.entity)?.records > e.records)) k.entities.set(e.entity, e);
    showAll();
  } catch {
    answered.delete(run.runNumber);
  }
}

let latest = 0;
async function refresh() {
  const mine = ++latest;
  try {
    const [r, s] = await Promise.all([call('GET', 'api/sync/runs?limit=20'), call('GET', 'api/sync/state')]);
    if (mine !== latest) return; // overtaken
    runs = r.runs;
    states = s.states;
    showTenants(s.tenants);
    showAll();
    if ($('notice').dataset.about === 'refresh') notice('');
    runs.filter(run => run.state === 'running').forEach(ask);
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
  button.ariaDisabled = 'true'; // not disabled, which would lose the focus
  try {
    const body = data && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(data) };
    const answer = await call('POST', path, body);
    notice(done + ' (request ' + answer.requestId + ')');
    refreshSoon();
  } catch (error) {
    notice(error.message, 'failed');
  } finally {
    button.ariaDisabled = 'false';
  }
}

for (const button of document.querySelectorAll('[data-start]')) {
  button.addEventListener('click', () =>
    act(button, 'sync/' + button.dataset.start, button.textContent + ' asked for', $('tenant').hidden ? undefined : { tenantId: $('tenant').value }));
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
$('leave').addEventListener('click', async () => {
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
  source.onopen = () => { showLive('live'); answered.clear(); refresh(); };
  source.onerror = () => {
    showLive('reconnecting');
    refreshSoon();
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000); // it was refused, and does not try again by itself
  };
  const on = (name, handle) => source.addEventListener('sync.' + name, message => handle(JSON.parse(message.data).data));
  on('progress', data => { known(data.runNumber).entities.set(data.entity, data); showAll(); });
  on('paused', data => { known(data.runNumber).paused = true; refreshSoon(); });
  on('resumed', data => { known(data.runNumber).paused = false; refreshSoon(); });
  on('rejected', data => notice('rejected: ' + data.reason, ['unknownRun', 'finishedRun', 'ambiguous'].includes(data.code) ? 'muted' : 'failed'));
  on('started', refreshSoon);
  for (const name of ['completed', 'failed', 'cancelled']) on(name, data => { going.delete(data.runNumber); refreshSoon(); });
}

function showLive(text) {
  put($('live'), text);
  $('live').className = 'inside ' + (text === 'live' ? 'live' : 'waits');
}

if (document.body.className !== 'closed') {
  listen();
  refresh();
  setInterval(showAll, 5000); // times go on
}
