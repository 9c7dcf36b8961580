'use strict';
// Rendering of runs and entities.
const number = new Intl.NumberFormat();

const waits = { busy: 'waiting for another run', rateLimit: 'waiting for the rate limit', outage: 'waiting for the end of an outage' };

function element(name, text, className) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

function put(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}

// updateRows displays one row for each item. It updates existing rows, so that their buttons keep
// the focus and open details stay open.
function updateRows(body, items, keyOf, make) {
  const old = body.rowsByKey || new Map();
  body.rowsByKey = new Map();
  items.forEach((item, i) => {
    const key = keyOf(item);
    const row = old.get(key) || make(item);
    body.rowsByKey.set(key, row);
    if (body.children[i] !== row.tr) body.insertBefore(row.tr, body.children[i] || null);
    row.show(item);
  });
  while (body.children.length > items.length) body.lastChild.remove();
}

function row(...cells) {
  const tr = element('tr');
  tr.append(...cells);
  return tr;
}

// labelled returns a cell with a label, which narrow screens display instead of the header.
function labelled(label, className) {
  const cell = element('td', undefined, className);
  cell.dataset.label = label;
  return cell;
}

function duration(seconds) {
  if (seconds < 60) return Math.round(seconds) + ' s';
  if (seconds < 3600) return Math.round(seconds / 60) + ' min';
  if (seconds < 172800) return Math.round(seconds / 3600) + ' h';
  return Math.round(seconds / 86400) + ' days';
}

function putTime(cell, time, none) {
  put(cell, time ? duration(Math.max(0, Date.now() - Date.parse(time)) / 1000) + ' ago' : none);
  if (time) cell.title = new Date(time).toLocaleString();
}

// isOpen reports whether a run has no outcome yet.
function isOpen(run) {
  return run.state === 'running' || run.state === 'paused';
}

function ago(time) {
  return duration(Math.max(0, Date.now() - Date.parse(time)) / 1000) + ' ago';
}

function pauseText(paused) {
  return 'paused ' + ago(paused.since) + (paused.actor ? ' by ' + paused.actor : '') + (paused.reason ? ': ' + paused.reason : '');
}

// requesterText says who or what requested a run first, and why.
function requesterText(r) {
  return r ? (r.actor || r.source) + (r.reason ? ': ' + r.reason : '') : '';
}

// waitText says what a request waits for, and since when.
function waitText(w) {
  const what = w.paused ? `run ${w.runNumber} is ${pauseText(w.paused)}` : w.runNumber ? `waits for run ${w.runNumber} to end` : w.text;
  return what + (w.since ? ', since ' + ago(w.since) : '') + (w.due ? ', due ' + new Date(w.due).toLocaleTimeString() : '');
}

function waitingRow(of) {
  const text = element('td', undefined, 'detail waits');
  const requests = labelled('requests');
  const show = w => {
    put(text, waitText(w));
    put(requests, number.format(w.requests) + (w.requests > 1 ? ' requests' : ' request'));
  };
  const tr = row(element('td', of.mode, 'main'), element('td', of.tenantId, 'tenant'), requests, text,
    element('td', requesterText(of.requestedBy), 'status muted'), element('td', of.entities.join(', '), 'status'));
  return { tr, show };
}

// entityList returns the progress of each entity of a running run: from the list of runs, from
// live events and from its workflow.
function entityList(run, known) {
  const list = element('ul', undefined, 'progress-list');
  for (const name of run.entities) {
    const stored = run.results.find(r => r.entity === name);
    const e = known.entities.get(name) || {};
    const records = Math.max(e.records || 0, stored ? stored.fetched : 0);
    const bar = element(e.total ? 'progress' : 'span');
    if (e.total) {
      bar.max = e.total;
      bar.value = Math.min(records, e.total);
      bar.ariaLabel = name;
    }
    const how = element('span', number.format(records) + (e.total ? ' of ' + number.format(e.total) : '') + ' read');
    if (e.phase && e.phase !== 'reading' && run.state !== 'paused') how.append(', ' + e.phase);
    if (e.waiting && e.waiting.why !== 'paused' && e.phase !== 'done') {
      const seconds = e.waiting.seconds ? ', ' + duration(e.waiting.seconds) : '';
      how.append(', ', element('span', (waits[e.waiting.why] || e.waiting.why) + seconds, 'waits'));
    }
    const item = element('li');
    item.append(element('span', name), bar, how);
    list.append(item);
  }
  return list;
}

function errorText(error, entity) {
  const own = entity + ': ';
  return error.type + ': ' + (error.message.startsWith(own) ? error.message.slice(own.length) : error.message);
}

function resultText(r) {
  if (r.error) return errorText(r.error, r.entity);
  if (r.skippedReason) return 'skipped: ' + r.skippedReason;
  const counts = ['inserted', 'updated', 'deleted', 'rejected'].filter(name => r[name]).map(name => number.format(r[name]) + ' ' + name);
  return [number.format(r.fetched) + ' read', ...counts, ...(r.warnings || [])].join(', ');
}

// summary describes the result of a run in one line.
function summary(run) {
  if (run.error) return (run.error.entity ? run.error.entity + ': ' : '') + errorText(run.error, run.error.entity);
  if (!run.results.length) return run.reason || 'no records read';
  const reasons = run.results.filter(r => r.status === 'skipped').map(r => r.skippedReason);
  if (reasons.length === run.results.length) return 'all skipped' + (new Set(reasons).size === 1 ? ': ' + reasons[0] : '');
  const sum = name => run.results.reduce((all, r) => all + r[name], 0);
  const text = number.format(sum('fetched')) + ' read, ' + number.format(sum('inserted') + sum('updated') + sum('deleted')) + ' changed';
  const rejected = sum('rejected');
  const left = reasons.length ? `, ${reasons.length} of ${run.results.length} entities skipped` : '';
  return text + (rejected ? ', ' + number.format(rejected) + ' rejected' : '') + left + (run.reason ? ' (' + run.reason + ')' : '');
}

// details returns the results of each entity and the workflow ID, with which other tools can
// control the run.
function details(run) {
  const more = element('details');
  const list = element('ul');
  const running = isOpen(run);
  more.append(element('summary', running ? 'details' : summary(run), run.error ? 'failed' : ''), list);
  for (const r of running ? [] : run.results) list.append(element('li', r.entity + ': ' + resultText(r), r.error ? 'failed' : ''));
  if (run.requestedBy) list.append(element('li', 'Requested by ' + requesterText(run.requestedBy), 'muted'));
  list.append(element('li', 'Workflow ' + run.workflowId + (run.requests > 1 ? ', serves ' + run.requests + ' requests' : ''), 'muted'));
  return more;
}

function runRow(run) {
  const name = element('td', '#' + run.runNumber, 'main');
  const state = element('td', undefined, 'state');
  const started = labelled('started', 'time');
  const took = labelled('duration', 'time');
  const now = element('div');
  const detail = element('td', undefined, 'detail');
  const control = element('td', undefined, 'control');
  const actionButton = (action, confirmation) => {
    const button = element('button');
    button.type = 'button';
    button.addEventListener('click', () => {
      if (confirmation && !confirm(confirmation)) return;
      const name = action();
      act(button, `sync/${encodeURIComponent(run.workflowId)}/${name}`, `Requested: ${name} run ${run.runNumber}`);
    });
    return button;
  };
  const toggle = actionButton(() => toggle.dataset.action);
  const cancel = actionButton(() => 'cancel', `Cancel run ${run.runNumber} (${run.mode})? Stored records are kept. The run cannot be resumed.`);
  cancel.textContent = 'Cancel';
  cancel.ariaLabel = 'Cancel run ' + run.runNumber;

  let shown; // whether detail displays an open run
  const show = run => {
    const known = progress.get(run.runNumber) || { entities: new Map() };
    const running = isOpen(run);
    put(state, run.state);
    state.className = 'state ' + run.state;
    state.title = run.paused ? pauseText(run.paused) : '';
    putTime(started, run.startedAt, '');
    const end = run.finishedAt ? Date.parse(run.finishedAt) : Date.now();
    put(took, run.startedAt ? duration(Math.max(0, end - Date.parse(run.startedAt)) / 1000) : '');
    if (running) {
      now.replaceChildren(...(run.paused ? [element('span', pauseText(run.paused), 'paused')] : []), entityList(run, known));
      toggle.dataset.action = run.state === 'paused' ? 'resume' : 'pause';
      put(toggle, run.state === 'paused' ? 'Resume' : 'Pause');
      toggle.ariaLabel = toggle.textContent + ' run ' + run.runNumber;
    }
    if (shown === running) return;
    shown = running;
    detail.replaceChildren(...(running ? [now] : []), details(run));
    control.replaceChildren(...(running ? [toggle, cancel] : []));
  };
  const tr = row(name, element('td', run.tenantId, 'tenant'), element('td', run.mode), state, started, took, detail, control);
  return { tr, show };
}

function stateRow(of) {
  const records = labelled('records', 'number');
  const full = labelled('last full', 'time');
  const incremental = labelled('last incremental', 'time');
  const age = labelled('as of', 'time');
  const status = element('td', undefined, 'status');
  const show = s => {
    put(age, (s.asOf ? ago(s.asOf) : 'never') + (s.stale ? ', stale' : ''));
    age.className = 'time' + (s.stale ? ' failed' : '');
    age.title = s.targetSeconds ? 'may be ' + duration(s.targetSeconds) + ' old' : 'not evaluated';
    put(records, number.format(s.records));
    putTime(full, s.lastFullSync, 'never');
    putTime(incremental, s.lastIncrementalSync, 'never');
    put(status, s.status);
    status.className = 'status ' + /^\w*/.exec(s.status)[0]; // "failed: why"
  };
  return { tr: row(element('td', of.entity, 'main'), element('td', of.tenantId, 'tenant'), records, age, full, incremental, status), show };
}

function showAll() {
  updateRows($('waiting'), waiting, w => w.requestId + ' ' + w.why, waitingRow);
  $('waiting-section').hidden = waiting.length === 0;
  updateRows($('runs'), runs, run => run.runNumber, runRow);
  updateRows($('states'), states, s => s.tenantId + ' ' + s.entity, stateRow);
  $('no-runs').hidden = runs.length > 0;
  $('no-states').hidden = states.length > 0;
}
