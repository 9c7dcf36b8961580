// API calls over time, as a plot for each tenant.
const calls = {
  title: () => 'API calls',
  load: () => get('api/sync/calls'),
  render(params, data) {
    if (!data) return h('p', { class: 'empty' }, 'Loading…');
    return [
      h('p', { class: 'muted' }, 'The calls with which runs read pages of ServiceTitan in the last 24 hours.'),
      data.tenants.map(t => h('section', { 'data-key': t.tenantId, 'aria-label': 'Tenant ' + t.tenantId }, callsOf(t, data))),
    ];
  },
};

function callsOf(t, { since, intervalSeconds }) {
  const most = Math.max(...t.calls, 1);
  const sum = t.calls.reduce((a, b) => a + b, 0);
  const peak = Math.max(...t.calls) / intervalSeconds;
  const text = `${count(sum, 'call')}; at most ${peak.toFixed(1)} a second on average over ${duration(intervalSeconds)}, of ${t.perSecond} allowed`;
  return [
    h('h2', null, 'Tenant ' + t.tenantId),
    h('p', null, text, t.share < 1 && h('span', { class: 'warn' }, `. ServiceTitan throttled `, when(t.slowedAt), `: ${Math.round(100 * t.share)} percent of the limit is in use now, and it grows back`)),
    columnPlot(text, t.calls, most, t.perSecond * intervalSeconds),
    h('div', { class: 'axes' }, h('span', null, new Date(since).toLocaleString()), h('span', null, `highest column: ${number.format(most)} calls in ${duration(intervalSeconds)}`), h('span', null, 'now')),
  ];
}

// columnPlot draws a column for each value, and a dashed line for the limit if it is near.
function columnPlot(label, values, most, limit) {
  const top = limit && limit < 3 * most ? Math.max(limit, most) : most;
  const height = v => 100 * v / top;
  return h('svg', { class: 'plot', viewBox: `0 0 ${values.length} 100`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    values.map((v, i) => v > 0 && h('rect', { class: 'used', x: i + 0.1, width: 0.8, y: 100 - height(v), height: height(v) })),
    top >= limit && h('line', { class: 'limit', x1: 0, x2: values.length, y1: 100 - height(limit), y2: 100 - height(limit), 'vector-effect': 'non-scaling-stroke' }),
    h('line', { class: 'axis', x1: 0, x2: values.length, y1: 100, y2: 100, 'vector-effect': 'non-scaling-stroke' }));
}
