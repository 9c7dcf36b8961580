'use strict';
const $ = id => document.getElementById(id);
const number = new Intl.NumberFormat();
const progress = new Map(); // workflow ID -> entity -> the last sync.progress
let runs = [];

function notice(text, kind) {
  $('notice').textContent = text;
  $('notice').className = kind || 'muted';
}

async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  if (response.status === 401) {
    $('login').hidden = false;
    throw new Error('sign in with an API token');
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail || answer.title);
  return answer;
}

function element(name, text, className) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

function row(...cells) {
  const tr = element('tr');
  tr.append(...cells);
  return tr;
}

function ago(time) {
  if (!time) return 'never';
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  return length(seconds) + ' ago';
}

function length(seconds) {
  if (seconds < 60) return Math.round(seconds) + ' s';
  if (seconds < 3600) return Math.round(seconds / 60) + ' min';
  if (seconds < 172800) return Math.round(seconds / 3600) + ' h';
  return Math.round(seconds / 86400) + ' days';
}

function when(time) {
  const cell = element('td', ago(time));
  if (time) cell.title = new Date(time).toLocaleString();
  return cell;
}

function describe(run) {
  const live = progress.get(run.workflowId);
  if (run.state === 'running' && live) {
    return [...live.values()].map(p => {
      const total = p.total ? ' of ' + number.format(p.total) : '';
      const waiting = p.waiting ? ', waiting: ' + p.waiting.why : '';
      return p.entity + ' ' + number.format(p.records) + total + waiting;
    }).join('; ');
  }
  if (run.error) return run.error.type + ': ' + run.error.message;
  const skipped = run.results.length > 1 && run.results[0].skippedReason;
  if (skipped && run.results.every(r => r.skippedReason === skipped)) return 'all skipped: ' + skipped;
  const text = run.results.map(r => r.entity + ' ' + (r.skippedReason || number.format(r.fetched))).join('; ');
  return run.reason ? text + ' (' + run.reason + ')' : text;
}

function controls(run) {
  const cell = element('td', undefined, 'control');
  if (run.state !== 'running') return cell;
  for (const action of ['pause', 'resume', 'cancel']) {
    const button = element('button', action);
    button.type = 'button';
    button.addEventListener('click', () => act(button, `/sync/${encodeURIComponent(run.workflowId)}/${action}`, action + ' asked for'));
    cell.append(button);
  }
  return cell;
}

function showRuns() {
  $('runs').replaceChildren(...runs.map(run => {
    const end = run.finishedAt ? Date.parse(run.finishedAt) : Date.now();
    const name = element('td', run.runNumber);
    name.title = run.workflowId;
    return row(
      name, element('td', run.mode), element('td', run.state, run.state), when(run.startedAt),
      element('td', run.startedAt ? length((end - Date.parse(run.startedAt)) / 1000) : ''),
      element('td', describe(run)), controls(run));
  }));
  if (!runs.length) $('runs').append(row(element('td', 'No run yet.', 'muted')));
}

function showStates(states) {
  $('states').replaceChildren(...states.map(s => row(
    element('td', s.entity), element('td', s.tenantId), element('td', number.format(s.records)),
    when(s.lastFullSync), when(s.lastIncrementalSync), element('td', s.status, s.status))));
  if (!states.length) $('states').append(row(element('td', 'Nothing synced yet.', 'muted')));
}

// showTenants offers a choice where there is one; a request need not name the only tenant.
function showTenants(tenants) {
  if ($('tenant').options.length === tenants.length) return;
  $('tenant').replaceChildren(...tenants.map(id => element('option', id)));
  $('tenant').hidden = tenants.length < 2;
}

async function refresh() {
  try {
    const [r, s] = await Promise.all([call('GET', '/api/sync/runs?limit=20'), call('GET', '/api/sync/state')]);
    runs = r.runs;
    showRuns();
    showTenants(s.tenants);
    showStates(s.states);
    $('login').hidden = true;
  } catch (error) {
    notice(error.message, 'failed');
  }
}

let pending;
function refreshSoon() {
  clearTimeout(pending);
  pending = setTimeout(refresh, 300);
}

async function act(button, path, done, body) {
  button.disabled = true;
  try {
    const answer = await call('POST', path, body);
    notice(done + ', request ' + answer.requestId);
    refreshSoon();
  } catch (error) {
    notice(error.message, 'failed');
  } finally {
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll('[data-start]')) {
  const mode = button.dataset.start;
  button.addEventListener('click', () =>
    act(button, '/sync/' + mode, mode + ' sync asked for', $('tenant').hidden ? undefined : { tenantId: $('tenant').value }));
}
$('refresh').addEventListener('click', refresh);
$('login').addEventListener('submit', async submitted => {
  submitted.preventDefault();
  const response = await fetch('/session', { method: 'POST', headers: { Authorization: 'Bearer ' + $('token').value } });
  $('token').value = '';
  if (!response.ok) return notice('this token is not known', 'failed');
  notice('');
  listen();
  refresh();
});

let source;
function listen() {
  if (source) source.close();
  source = new EventSource('/api/events');
  source.onopen = () => { $('live').textContent = 'live'; refresh(); };
  source.onerror = () => { $('live').textContent = 'reconnecting'; };
  source.addEventListener('sync.progress', message => {
    const data = JSON.parse(message.data).data;
    if (!progress.has(data.workflowId)) progress.set(data.workflowId, new Map());
    progress.get(data.workflowId).set(data.entity, data);
    showRuns();
  });
  for (const name of ['accepted', 'rejected', 'started', 'paused', 'resumed', 'completed', 'failed', 'cancelled']) {
    source.addEventListener('sync.' + name, message => {
      const data = JSON.parse(message.data).data;
      if (['completed', 'failed', 'cancelled'].includes(name)) progress.delete(data.workflowId);
      if (name === 'rejected') notice('rejected: ' + data.reason, 'failed');
      if (name === 'paused' || name === 'resumed') notice(data.workflowId + ' ' + name);
      refreshSoon();
    });
  }
}

listen();
refresh();
setInterval(showRuns, 5000);
