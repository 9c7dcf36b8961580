// Routes, the display of the current view, and the events of the document.
const routes = { '': overview, runs, entities, schedules, 'dead-letters': deadLetters, rejected, calls, events: liveEvents, audit, start };
const details = { runs: run, requests: request, 'dead-letters': deadLetter };
const missing = { title: () => 'Not found', render: () => h('p', null, 'There is no such view. ', link('#/', 'Overview')) };

let current = { view: overview, params: {}, data: undefined };

// parse returns the view and the parameters of an address such as #/runs/42?x=y.
function parse(hash) {
  const [path, search] = hash.replace(/^#\/?/, '').split('?');
  const [name, id] = path.split('/').map(decodeURIComponent);
  const params = Object.fromEntries(new URLSearchParams(search || ''));
  if (id !== undefined && id !== '') return { view: details[name] || missing, params: { id }, name };
  return { view: routes[name] || missing, params, name };
}

// navigate displays the view of the address.
function navigate(initial) {
  const next = parse(location.hash);
  const same = next.view === current.view && next.params.id === current.params.id;
  current = { ...next, data: undefined, error: '' };
  if (!same || initial === true) $('main').replaceChildren();
  if ($('notice').dataset.about === 'view') notice('');
  $('menu').ariaExpanded = 'false';
  $('nav').classList.remove('open');
  for (const a of $('nav').querySelectorAll('a')) {
    const selected = a.getAttribute('href') === '#/' + (next.name || '');
    if (selected) a.setAttribute('aria-current', 'page');
    else a.removeAttribute('aria-current');
  }
  render();
  for (const form of $('main').querySelectorAll('[data-filter]')) form.reset(); // to the values of the address
  if (initial !== true && !same) {
    scrollTo(0, 0);
    $('main').querySelector('h1')?.focus({ preventScroll: true });
  }
  loadView();
}

// loadView loads the data of the view. The old data stay until then.
async function loadView() {
  const mine = current;
  if (!mine.view.load) return;
  try {
    const data = await mine.view.load(mine.params);
    if (mine !== current) return;
    Object.assign(mine, { data, error: '' });
    if ($('notice').dataset.about === 'view') notice('');
  } catch (error) {
    if (mine !== current) return;
    mine.error = error.message;
    notice(error.message, 'bad', 'view');
  }
  render();
}

function render() {
  if (document.body.className === 'closed') return;
  const { view, params, data, error } = current;
  document.title = view.title(params) + ' · lazisync';
  $('main').classList.toggle('single', shared.tenants.length < 2);
  const content = error && !data ? h('p', { class: 'bad' }, error) : view.render(params, data);
  morph($('main'), h('main', null, h('div', { class: 'title' }, h('h1', { tabindex: -1 }, view.title(params)), view.buttons?.()), content));
  showLive();
  showBanner();
}

function showLive() {
  const text = shared.offlineSince ? 'reconnecting' : source?.readyState === 1 ? 'live' : 'connecting';
  if ($('live').textContent !== text) $('live').textContent = text;
  $('live').className = 'inside ' + (text === 'live' ? 'good' : 'muted');
}

// showBanner says why nothing happens: no connection, or no worker.
function showBanner() {
  const since = shared.offlineSince && new Date(shared.offlineSince).toLocaleTimeString();
  const broken = shared.attention.find(a => ['noWorker', 'temporalUnavailable', 'natsUnavailable'].includes(a.code));
  let text = '';
  if (since) text = `Disconnected since ${since}. This page reconnects by itself.` + (shared.error && shared.loadedAt ? ` It shows the state of ${new Date(shared.loadedAt).toLocaleTimeString()}.` : '');
  else if (broken) text = broken.text + '. ' + (broken.fix ? 'Fix: ' + broken.fix + '.' : '');
  $('banner').hidden = !text;
  if ($('banner').textContent !== text) $('banner').textContent = text;
}

async function refresh() {
  await Promise.all([loadShared(), loadView()]);
  render();
}

let pending;
function refreshSoon() {
  pending ||= setTimeout(() => { pending = 0; refresh(); }, 300);
}

document.addEventListener('click', clicked => {
  const target = clicked.target.closest('[data-do]');
  if (target) perform(target);
});
document.addEventListener('submit', submitted => {
  const form = submitted.target;
  if (form.id === 'dialog-form') return;
  submitted.preventDefault();
  if (form.id === 'start') submitStart(form);
  if (form.dataset.filter) filter(form);
});
document.addEventListener('change', changed => {
  const form = changed.target.closest('form');
  if (form?.dataset.filter) filter(form);
  if (form?.id === 'start' && changed.target.name === 'mode') location.hash = '#/start' + query({ ...current.params, mode: changed.target.value });
});

// filter goes to the address of the list with the values of a form.
function filter(form) {
  location.hash = location.hash.split('?')[0] + query(Object.fromEntries(new FormData(form)));
}

$('menu').addEventListener('click', () => {
  const open = $('nav').classList.toggle('open');
  $('menu').ariaExpanded = String(open);
});
$('skip').addEventListener('click', clicked => { // the address is the view's
  clicked.preventDefault();
  $('main').focus();
});
$('login').addEventListener('submit', async () => {
  const token = $('token').value;
  $('token').value = '';
  try {
    await call('POST', 'session', { headers: { Authorization: 'Bearer ' + String.fromCharCode(...new TextEncoder().encode(token)) } });
    location.reload();
  } catch (error) {
    notice(error.message, 'bad');
    $('token').focus();
  }
});
$('sign-out').addEventListener('click', async () => {
  try {
    await call('DELETE', 'session');
    location.reload();
  } catch (error) {
    notice(error.message, 'bad');
  }
});

if (document.body.className !== 'closed') {
  addEventListener('hashchange', navigate);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) source?.close(); // a browser allows six connections to a host, from all of its tabs
    else {
      listen();
      refresh();
    }
  });
  navigate(true);
  listen();
  refresh();
  setInterval(render, 5000); // update the relative times
  setInterval(refreshSoon, 30000); // what no event announces: schedules, workers, freshness
} else $('token').focus();
