// Texts about runs, requests and entities.
const waits = { busy: 'waiting for another run', rateLimit: 'waiting for the rate limit', outage: 'waiting for ServiceTitan, which is unavailable' };
const stateClass = { completed: 'good', fresh: 'good', failed: 'bad', stale: 'bad', rejected: 'bad', cancelled: 'warn', paused: 'warn', skipped: 'warn' };

// modeText names the mode of a run.
const modeText = run => run.refresh ? run.mode + ' (refresh)' : run.mode;

// isOpen reports whether a run has no outcome yet.
const isOpen = run => run.state === 'running' || run.state === 'paused';

const stateBadge = state => h('span', { class: `state ${state} ${stateClass[state] || ''}` }, state);

function pauseText(paused) {
  return 'paused ' + ago(paused.since) + (paused.actor ? ' by ' + paused.actor : '') + (paused.reason ? ': ' + paused.reason : '');
}

// requesterText says who or what requested a run first, and why.
function requesterText(r) {
  if (!r) return '';
  const actor = r.actor || r.source;
  if (!r.reason) return actor;
  return r.reason.startsWith(actor) ? r.reason : actor + ': ' + r.reason; // "schedule lazisync-full-1001"
}

// waitText says what a request waits for, and since when.
function waitText(w) {
  const what = w.paused ? `run ${w.runNumber} is ${pauseText(w.paused)}` : w.runNumber ? `waits for run ${w.runNumber} to end` : w.text;
  return what + (w.since ? ', since ' + ago(w.since) : '') + (w.due ? ', due ' + new Date(w.due).toLocaleTimeString() : '');
}

function errorText(error, entity) {
  const own = entity + ': ';
  return error.type + ': ' + (error.message.startsWith(own) ? error.message.slice(own.length) : error.message);
}

// summary describes the result of a run in one line.
function summary(run) {
  if (run.error) return (run.error.entity ? run.error.entity + ': ' : '') + errorText(run.error, run.error.entity);
  if (!run.results.length) return run.reason || 'no records read';
  const reasons = run.results.filter(r => r.status === 'skipped').map(r => r.skippedReason);
  if (reasons.length === run.results.length) return 'all skipped' + (new Set(reasons).size === 1 ? ': ' + reasons[0] : '');
  const sum = name => run.results.reduce((all, r) => all + r[name], 0);
  const warnings = run.results.reduce((all, r) => all + (r.warnings || []).length, 0);
  const compared = run.results.filter(r => r.differences);
  return [
    number.format(sum('fetched')) + ' read', compared.length ? count(compared.reduce((all, r) => all + differing(r), 0), 'difference') : number.format(sum('inserted') + sum('updated') + sum('deleted')) + ' changed',
    sum('rejected') && number.format(sum('rejected')) + ' rejected', warnings && count(warnings, 'warning'),
    reasons.length && `${reasons.length} of ${run.results.length} entities skipped`,
  ].filter(Boolean).join(', ') + (run.reason ? ' (' + run.reason + ')' : '');
}

const kinds = ['missing', 'extra', 'stale', 'damaged'];

// differing returns the number of differences that a verify found in an entity.
const differing = r => kinds.reduce((all, kind) => all + (r.differences?.[kind] || 0), 0);

// differenceText says what a verify found in an entity.
function differenceText(r) {
  if (!differing(r)) return 'no differences';
  const { sample } = r.differences;
  return kinds.filter(kind => r.differences[kind]).map(kind => number.format(r.differences[kind]) + ' ' + kind).join(', ') +
    ': ' + sample.join(', ') + (differing(r) > sample.length ? ' …' : '');
}

// entityProgress returns the progress of an entity of a run: from the list of runs, from live
// events and from its workflow.
function entityProgress(run, name) {
  const known = progressOf(run.runNumber).get(name) || {};
  const stored = run.results.find(r => r.entity === name);
  return { ...known, records: Math.max(known.records || 0, stored ? stored.fetched : 0) };
}

// progressText says what an entity of an open run is doing.
function progressText(run, e) {
  const parts = [number.format(e.records) + (e.total ? ' of ' + number.format(e.total) : '') + ' read'];
  if (e.phase && e.phase !== 'reading' && run.state !== 'paused') parts.push(e.phase);
  if (e.recordsPerSecond >= 1 && e.phase === 'reading' && run.state === 'running') parts.push(number.format(Math.round(e.recordsPerSecond)) + ' a second');
  if (e.etaSeconds && e.phase === 'reading' && run.state === 'running') parts.push('about ' + duration(e.etaSeconds) + ' left');
  if (e.waiting && e.waiting.why !== 'paused' && e.phase !== 'done') {
    parts.push((waits[e.waiting.why] || e.waiting.why) + (e.waiting.seconds ? ', ' + duration(e.waiting.seconds) : ''));
  }
  return parts.join(', ');
}

function progressBar(run, name, e) {
  if (!e.total) return null;
  return bar(`${name}: ${Math.floor(100 * Math.min(1, e.records / e.total))} percent read`, [[e.records, run.state === 'paused' ? 'warn' : 'busy']], e.total);
}

// eventText describes an event in one line.
function eventText(name, data) {
  switch (name) {
    case 'accepted': return `${data.kind || 'request'} ${data.requestId} accepted` + (data.duplicate ? ', a duplicate' : '');
    case 'rejected': return data.reason;
    case 'started': return 'reads ' + (data.entities || []).join(', ');
    case 'paused': case 'resumed': return byText(data);
    case 'stale': return data.entities.map(e => e.entity).join(', ') + (data.cause ? '. Likely cause: ' + data.cause : '');
    case 'fresh': return data.entities.map(e => e.entity).join(', ');
  }
  return summary({ results: [], ...data });
}

const byText = data => [data.actor && 'by ' + data.actor, data.reason].filter(Boolean).join(': ');
