// Elements, and the display of times, durations and numbers. All text is added as text nodes.
const $ = id => document.getElementById(id);
const shapes = ['svg', 'rect', 'path', 'line', 'title'];
const number = new Intl.NumberFormat('en-US');

// h returns an element with attributes and children. Children that are null or false are left
// out, lists are flattened, other values become text. An option without a value would have its text.
function h(name, attributes, ...children) {
  const e = shapes.includes(name) ? document.createElementNS($('svg').content.firstChild.namespaceURI, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== null && value !== false && (value !== '' || key === 'value')) e.setAttribute(key, value === true ? '' : value);
  }
  e.append(...children.flat(3).filter(c => c !== null && c !== undefined && c !== false && c !== ''));
  return e;
}

// morph makes the children of a node like those of another. It keeps the elements that exist, so
// that they keep the focus, the scroll position and what the user typed.
function morph(node, wanted) {
  const next = [...wanted.childNodes];
  const keyed = new Map([...node.children].filter(e => e.dataset.key).map(e => [e.dataset.key, e]));
  next.forEach((child, i) => {
    let old = node.childNodes[i];
    const key = child.dataset?.key;
    if (key && keyed.has(key) && keyed.get(key) !== old) {
      old = keyed.get(key);
      node.insertBefore(old, node.childNodes[i] || null);
    }
    if (!old) node.append(child);
    else if (old.nodeName !== child.nodeName || (old.dataset?.key || '') !== (key || '')) node.insertBefore(child, old);
    else patch(old, child);
  });
  while (node.childNodes.length > next.length) node.lastChild.remove();
}

function patch(old, child) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== child.data) old.data = child.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!child.hasAttribute(name) && !(name === 'open' && old.nodeName === 'DETAILS')) old.removeAttribute(name);
  }
  for (const { name, value } of [...child.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  morph(old, child);
}

function duration(seconds) {
  if (seconds < 60) return Math.round(seconds) + ' s';
  if (seconds < 3600) return Math.round(seconds / 60) + ' min';
  if (seconds < 172800) return Math.round(seconds / 3600) + ' h';
  return Math.round(seconds / 86400) + ' days';
}

const seconds = (from, to) => Math.max(0, ((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000);
const ago = time => duration(seconds(time)) + ' ago';

// when displays how long ago a time is; its title is the time.
function when(time, none) {
  return time ? h('time', { datetime: time, title: new Date(time).toLocaleString() }, ago(time)) : h('span', { class: 'muted' }, none || 'never');
}

// until displays how long it is until a time.
function until(time) {
  const left = (Date.parse(time) - Date.now()) / 1000;
  return h('time', { datetime: time, title: new Date(time).toLocaleString() }, left > 0 ? 'in ' + duration(left) : 'now');
}

const clock = time => h('time', { datetime: time, title: new Date(time).toLocaleString() }, new Date(time).toLocaleTimeString());

function count(n, noun, nouns) {
  return number.format(n) + ' ' + (n === 1 ? noun : nouns || noun + 's');
}

// bar displays shares of a whole as a bar. parts are pairs of a number and a class.
function bar(label, parts, whole) {
  let x = 0;
  const total = whole || parts.reduce((sum, [n]) => sum + n, 0) || 1;
  const rects = parts.filter(([n]) => n > 0).map(([n, kind]) => {
    const width = Math.min(100 - x, 100 * n / total);
    const r = h('rect', { class: kind, x, y: 0, width, height: 10 });
    x += width;
    return r;
  });
  return h('svg', { class: 'bar', viewBox: '0 0 100 10', preserveAspectRatio: 'none', role: 'img', 'aria-label': label }, rects);
}

// query returns the query of an address with the values that are set.
function query(values) {
  const set = Object.entries(values).filter(([, v]) => v !== undefined && v !== null && v !== '');
  return set.length ? '?' + new URLSearchParams(set) : '';
}

const link = (href, ...text) => h('a', { href }, text);
const runLink = n => link('#/runs/' + n, 'run ' + n);
const cell = (label, ...content) => h('td', { 'data-label': label }, content);
const numberCell = (label, n) => h('td', { 'data-label': label, class: 'number' }, number.format(n || 0));

// table returns a table that narrow screens display as a list. Columns with a * are numbers,
// those with a ! have a header for screen readers only.
function table(caption, columns, rows) {
  const heads = columns.map(c => c.endsWith('!') ? h('th', { scope: 'col' }, h('span', { class: 'unseen' }, c.slice(0, -1)))
    : h('th', { scope: 'col', class: c.endsWith('*') ? 'number' : c === 'Tenant' ? 'tenant' : '' }, c.replace('*', '')));
  return h('table', { class: 'wide', 'aria-label': caption }, h('thead', null, h('tr', null, heads)), h('tbody', null, rows));
}
const tenantCell = id => h('td', { class: 'tenant', 'data-label': 'tenant' }, id);
