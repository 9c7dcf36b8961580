// Actions of the user. A button names its action and its argument in data-do and data-id.
const busy = new Set();
const isViewer = () => document.body.dataset.role === 'viewer';
const viewerReason = 'Your API token has the role viewer, which cannot change anything';

// button returns a button for an action. label is its accessible name if the text alone is not
// unique on the page.
function button(text, action, id, { label, kind, data } = {}) {
  const off = isViewer() || busy.has(action + ' ' + id);
  return h('button', {
    type: 'button', class: kind || 'small', 'data-do': action, 'data-id': id, 'aria-label': label, ...data,
    'aria-disabled': off && 'true', title: isViewer() ? viewerReason : '',
  }, text);
}

// ask opens the dialog and returns undefined unless the user agrees; otherwise the reason, which
// may be "".
function ask({ title, text, yes, reason }) {
  const dialog = $('dialog');
  $('dialog-title').textContent = title;
  $('dialog-text').textContent = text;
  $('dialog-yes').textContent = yes;
  $('dialog-reason').hidden = !reason;
  $('reason').value = '';
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener('close', () => {
    resolve(dialog.returnValue === 'yes' ? $('reason').value.trim() : undefined);
  }, { once: true }));
}

const withReason = reason => reason ? { reason } : undefined;
const control = (workflow, action) => `sync/${encodeURIComponent(workflow)}/${action}`;
const schedulePath = (id, action) => `api/temporal/schedules/${encodeURIComponent(id)}/${action}`;

// The actions. Each returns the text to display, or undefined if the user does not agree.
const actions = {
  async pause(workflow, { run, mode, tenant }) {
    const holds = modes[mode]?.shared
      ? `This also holds every later incremental request of tenant ${tenant}: webhooks and schedules change nothing until the run is resumed.`
      : 'No further page is requested until the run is resumed. Stored records are kept.';
    const reason = await ask({ title: `Pause run ${run}?`, text: holds, yes: 'Pause the run', reason: true });
    if (reason === undefined) return;
    const { requestId } = await post(control(workflow, 'pause'), withReason(reason));
    return `Requested: pause run ${run} (request ${requestId})`;
  },
  async resume(workflow, { run }) {
    const { requestId } = await post(control(workflow, 'resume'));
    return `Requested: resume run ${run} (request ${requestId})`;
  },
  async cancel(workflow, { run, mode }) {
    const also = modes[mode]?.shared ? ' Waiting incremental requests of the tenant end with it.' : '';
    const reason = await ask({
      title: `Cancel run ${run}?`, text: 'Stored records are kept. The run cannot be resumed.' + also, yes: 'Cancel the run', reason: true,
    });
    if (reason === undefined) return;
    const { requestId } = await post(control(workflow, 'cancel'), withReason(reason));
    return `Requested: cancel run ${run} (request ${requestId})`;
  },
  async pauseSchedule(id) {
    const reason = await ask({ title: `Pause ${id}?`, text: 'It starts no sync until it is resumed, and the data become stale.', yes: 'Pause the schedule', reason: true });
    if (reason === undefined) return;
    await post(schedulePath(id, 'pause'), withReason(reason));
    return 'Paused: ' + id;
  },
  async resumeSchedule(id) {
    await post(schedulePath(id, 'unpause'));
    return 'Resumed: ' + id;
  },
  async trigger(id) {
    await post(schedulePath(id, 'trigger'));
    return 'Started now: ' + id;
  },
  async replay(sequence) {
    const { requestId } = await post(`api/deadletters/${sequence}/replay`);
    return `Dead letter ${sequence} is replayed` + (requestId ? ` (request ${requestId})` : '');
  },
  async dismiss(sequence) {
    const reason = await ask({ title: `Dismiss dead letter ${sequence}?`, text: 'It no longer needs attention. The message is kept.', yes: 'Dismiss', reason: true });
    if (reason === undefined) return;
    await post(`api/deadletters/${sequence}/dismiss`, withReason(reason));
    return `Dead letter ${sequence} is dismissed`;
  },
};

async function perform(target) {
  const { do: action, id } = target.dataset;
  if (target.ariaDisabled === 'true') {
    if (isViewer()) notice(viewerReason + '.', 'warn');
    return;
  }
  const key = action + ' ' + id;
  busy.add(key);
  target.ariaDisabled = 'true'; // disabled would lose the focus
  try {
    const done = await actions[action](id, target.dataset);
    if (done) notice(done);
  } catch (error) {
    notice(error.message, 'bad');
  } finally {
    busy.delete(key);
    target.ariaDisabled = null;
    refreshSoon();
  }
}

// controls returns the buttons of an open run.
function controls(run) {
  if (!isOpen(run)) return null;
  const data = { 'data-run': run.runNumber, 'data-mode': run.mode, 'data-tenant': run.tenantId };
  const toggle = run.state === 'paused' ? 'Resume' : 'Pause';
  return h('div', { class: 'actions' },
    button(toggle, toggle.toLowerCase(), run.workflowId, { label: `${toggle} run ${run.runNumber}`, data }),
    button('Cancel', 'cancel', run.workflowId, { label: 'Cancel run ' + run.runNumber, data }));
}
