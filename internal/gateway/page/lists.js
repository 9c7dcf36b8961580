// Schedules, dead letters, rejected records, live events and the audit trail.
const schedules = {
  title: () => 'Schedules',
  load: () => get('api/temporal/schedules'),
  render(params, data) {
    if (!data) return h('p', { class: 'empty' }, 'Loading…');
    if (!data.schedules.length) {
      return h('p', { class: 'empty' }, 'No schedules. SYNC_SCHEDULE_INCREMENTAL, SYNC_SCHEDULE_FULL and SYNC_SCHEDULE_VERIFY set them, and lazisync migrate creates them.');
    }
    return table('Schedules', ['Schedule', 'Tenant', 'Mode', 'Entities', 'Time', 'Next run', 'Last run', 'State', 'Actions!'], data.schedules.map(s => h('tr', { 'data-key': s.scheduleId },
      h('th', { scope: 'row' }, s.scheduleId), tenantCell(s.tenantId), cell('', s.mode), h('td', { class: 'full' }, s.entities.join(', ')), cell('time', h('code', null, s.cron), ' ' + s.timezone),
      cell('next', s.paused ? h('span', { class: 'warn' }, 'none while paused') : s.nextRuns.length ? until(s.nextRuns[0]) : 'none'), cell('last', when(s.lastRun)),
      cell('', s.paused ? stateBadge('paused') : s.running.length ? stateBadge('running') : 'waits for its time', s.note && h('div', { class: 'fix' }, s.note)),
      h('td', { class: 'control' }, h('div', { class: 'actions' },
        s.paused ? button('Resume', 'resumeSchedule', s.scheduleId, { label: 'Resume ' + s.scheduleId }) : button('Pause', 'pauseSchedule', s.scheduleId, { label: 'Pause ' + s.scheduleId }),
        button('Run now', 'trigger', s.scheduleId, { label: 'Run now ' + s.scheduleId }))))));
  },
};

function handledText(d) {
  const say = (what, x) => h('div', null, what + ' ' + ago(x.at) + (x.actor ? ' by ' + x.actor : '') + (x.reason ? ': ' + x.reason : ''));
  if (!d.replayed && !d.dismissed) return h('span', { class: 'warn' }, 'open');
  return [d.replayed && say('replayed', d.replayed), d.dismissed && say('dismissed', d.dismissed)];
}

function letterButtons(d) {
  return h('div', { class: 'actions' },
    d.replayable && button('Replay', 'replay', d.sequence, { label: 'Replay dead letter ' + d.sequence }),
    !d.dismissed && button('Dismiss', 'dismiss', d.sequence, { label: 'Dismiss dead letter ' + d.sequence }));
}

const deadLetters = {
  title: () => 'Dead letters',
  load: ({ before }) => get('api/deadletters' + query({ before })),
  render(params, data) {
    if (!data) return h('p', { class: 'empty' }, 'Loading…');
    if (!data.deadLetters.length) return h('p', { class: 'empty' }, 'No dead letters: no message was rejected.');
    return [
      h('p', { class: 'muted' }, 'Messages that were rejected, newest first. A replay publishes a message again, with the same identity; lazisync validates it as a new one.'),
      table('Dead letters', ['Sequence', 'Rejected', 'Subject', 'Why', 'Handled', 'Actions!'], data.deadLetters.map(d => h('tr', { 'data-key': d.sequence },
        h('th', { scope: 'row' }, link('#/dead-letters/' + d.sequence, d.sequence)), cell('', when(d.rejectedAt)), cell('', d.subject),
        h('td', { class: 'full' }, h('strong', null, d.code), ' ', d.reason), cell('', handledText(d)), h('td', { class: 'control' }, letterButtons(d))))),
      paging('#/dead-letters', params, data.nextBefore),
    ];
  },
};

const deadLetter = {
  title: ({ id }) => 'Dead letter ' + id,
  load: ({ id }) => get('api/deadletters/' + encodeURIComponent(id)),
  render(params, d) {
    if (!d) return h('p', { class: 'empty' }, 'Loading…');
    return [
      h('div', { class: 'box bad' }, h('strong', null, d.code + ': '), d.reason),
      letterButtons(d),
      h('dl', null, fact('Handled', handledText(d)), fact('Subject', d.subject), fact('Rejected', [clock(d.rejectedAt), ', ', when(d.rejectedAt)]),
        fact('Message', `${d.stream} ${d.streamSequence}`), fact('Deliveries', d.attempts),
        d.event && [fact('Event', `${d.event.source} ${d.event.id}`), fact('Request', link('#/requests/' + d.requestId, d.requestId))]),
      h('h2', null, 'Data'), h('pre', null, d.data), d.truncated && h('p', { class: 'muted' }, 'The first 64 KiB. lazisync deadletter show prints all.'),
    ];
  },
};

const rejected = {
  title: () => 'Rejected records',
  load: ({ entity, tenant, run, before }) => get('api/sync/rejected' + query({ entity, tenant, run, before })),
  render(params, data) {
    const again = r => '#/start' + query({ mode: 'full', entities: r.entity, tenant: r.tenantId });
    return [
      h('p', { class: 'muted' }, 'Records of ServiceTitan that could not be stored. Correct them there, then read the entity again. Their bytes are in ', h('code', null, 'raw.rejected_records'), ' only.'),
      h('form', { class: 'filters', 'data-filter': 'true', 'aria-label': 'Filter' },
        h('label', null, 'Entity', h('input', { name: 'entity', list: 'entities', value: params.entity, size: 14, autocomplete: 'off' })),
        h('label', null, 'Run', h('input', { name: 'run', inputmode: 'numeric', value: params.run, size: 8, autocomplete: 'off' })),
        shared.tenants.length > 1 && select('tenant', 'Tenant', shared.tenants, params.tenant),
        h('button', { type: 'submit' }, 'Filter'), Object.keys(params).length > 0 && link('#/rejected', 'All records')),
      !data ? h('p', { class: 'empty' }, 'Loading…') : !data.records.length ? h('p', { class: 'empty' }, 'No rejected records.')
        : table('Rejected records', ['Record', 'Entity', 'Tenant', 'Why', 'Run', 'Rejected', 'Size*', 'Actions!'], data.records.map(r => h('tr', null,
          h('th', { scope: 'row' }, r.recordId || 'without id'), cell('', r.entity), tenantCell(r.tenantId), h('td', { class: 'full' }, r.reason), cell('', runLink(r.runNumber)),
          cell('', when(r.rejectedAt)), h('td', { class: 'number', 'data-label': 'size' }, number.format(r.bytes) + ' B'),
          h('td', { class: 'control' }, isViewer() ? null : h('a', { href: again(r), 'aria-label': `Read ${r.entity} again` }, 'Read again…'))))),
      paging('#/rejected', params, data?.nextBefore),
    ];
  },
};

const eventNames = ['accepted', 'rejected', 'started', 'paused', 'resumed', 'completed', 'failed', 'cancelled', 'stale', 'fresh'];
const liveEvents = {
  title: () => 'Events',
  render(params) {
    const shown = shared.events.filter(e => !params.type || e.name === params.type);
    return [
      h('p', { class: 'muted' }, `Events since this page was opened, newest first, at most ${maxEvents}. The story of a run has those of the run.`),
      h('form', { class: 'filters', 'data-filter': 'true', 'aria-label': 'Filter' }, select('type', 'Type', eventNames, params.type)),
      shown.length ? table('Events', ['Time', 'Event', 'Tenant', 'Run', 'Mode', 'What'], shown.map(({ name, event, at }) => h('tr', { 'data-key': event.source + event.id },
        cell('', clock(at)), cell('', stateBadge(name)), tenantCell(event.data.tenantId),
        cell('', event.data.runNumber ? runLink(event.data.runNumber) : event.data.requestId && link('#/requests/' + event.data.requestId, 'request')),
        cell('', event.data.mode), h('td', { class: 'full' }, eventText(name, event.data))))) : h('p', { class: 'empty' }, 'No events yet.'),
    ];
  },
};

const audit = {
  title: () => 'Audit',
  load: ({ actor, outcome, tenant, before }) => get('api/sync/audit' + query({ actor, outcome, tenant, before })),
  render(params, data) {
    return [
      h('p', { class: 'muted' }, 'Who did what over HTTP or NATS, and what was refused, newest first.'),
      h('form', { class: 'filters', 'data-filter': 'true', 'aria-label': 'Filter' },
        h('label', null, 'Who', h('input', { name: 'actor', value: params.actor, size: 14, autocomplete: 'off' })),
        select('outcome', 'Outcome', ['accepted', 'refused'], params.outcome),
        shared.tenants.length > 1 && select('tenant', 'Tenant', shared.tenants, params.tenant),
        h('button', { type: 'submit' }, 'Filter'), Object.keys(params).length > 0 && link('#/audit', 'All actions')),
      !data ? h('p', { class: 'empty' }, 'Loading…') : !data.actions.length ? h('p', { class: 'empty' }, 'No actions.')
        : table('Actions', ['Time', 'Who', 'Action', 'On', 'Tenant', 'Reason', 'Outcome', 'From'], data.actions.map(a => h('tr', { 'data-key': a.number },
          cell('', when(a.at)), h('th', { scope: 'row' }, a.actor || 'without a token', a.role && h('span', { class: 'muted' }, ` (${a.role})`)), cell('', a.action),
          h('td', { class: 'text' }, a.requestId && !a.target ? link('#/requests/' + a.requestId, 'request') : a.target), tenantCell(a.tenantId), h('td', { class: 'full' }, a.reason),
          cell('', h('span', { class: 'state ' + (a.outcome === 'refused' ? 'bad' : 'good') }, a.outcome), a.problem && ': ' + a.problem), cell('from', a.remote)))),
      paging('#/audit', params, data?.nextBefore),
    ];
  },
};
