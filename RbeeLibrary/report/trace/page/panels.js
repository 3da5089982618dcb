// What a person does: pointers, keys, filters, and the panels that say more about an event.
'use strict';
const $ = id => document.getElementById(id);
const PAGE = 100;
let pageStart = 0, timer = 0;

function element(tag, text, more = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(more)) if (name in made) made[name] = value; else made.setAttribute(name, value);
  return made;
}

function select(event, {reveal = false} = {}) {
  view.selected = event;
  if (reveal && (event.b < view.from || event.a > view.to)) {
    const span = view.to - view.from;
    show(event.a - span / 2, event.a + span / 2);
  }
  if (reveal && (event.lane.top < box.scrollTop || event.lane.top + 30 > box.scrollTop + height - AXIS)) box.scrollTop = Math.max(0, event.lane.top - height / 3);
  $('status').textContent = `${seconds(event.from)}, ${event.lane.name}: ${event.name} ${statusOf(event)}`;
  showDetails(event);
  showOutputs(event);
  pageStart = null;
  redraw();
}

function showDetails(event) {
  const {trace: number, headers, body, ...rest} = event.args;
  const parts = [element('h3', `${event.lane.name}: ${event.name}`)];
  const rows = [['real time', `${seconds(event.from)} after the start of the test`], ["the run's clock", `${seconds(runTime(event.from))}`]];
  if (event.to > event.from) rows.push(['took', seconds(event.to - event.from) + (event.args.complete === false ? ', and was not complete' : '')]);
  for (const [name, value] of Object.entries(rest)) {
    if (value !== null && value !== '' && name !== 'complete' && name !== 'clock') rows.push([name.replaceAll('_', ' '), typeof value === 'object' ? JSON.stringify(value) : String(value)]);
  }
  const table = element('table'), content = element('tbody');
  for (const [name, value] of rows) { const row = element('tr'); row.append(element('th', name, {scope: 'row'}), element('td', value)); content.append(row); }
  table.append(content);
  parts.push(table);
  if (headers) parts.push(element('h4', 'Headers'), element('pre', Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join('\n')));
  if (body !== undefined) parts.push(element('h4', 'Body'), element('pre', typeof body === 'string' ? body : JSON.stringify(body, null, 2)));
  const buttons = element('div', undefined, {className: 'buttons'});
  if (number) buttons.append(button('Follow this request', () => follow(number)));
  if (event.args.url) buttons.append(button('Copy as curl', () => copy(curl(event))));
  if (event.kind === 'keyword' && about.log) buttons.append(element('a', 'This keyword in the log', {href: `${about.log}#${event.args.id}`}));
  parts.push(buttons);
  if (event.args.url) parts.push(element('pre', curl(event), {id: 'curl'}));
  if (view.followed !== null && view.followed === number) parts.push(hops(number));
  $('detail').replaceChildren(...parts);
}

function button(text, action) { return element('button', text, {type: 'button', onclick: action}); }

function curl(event) {
  const {method, headers = {}, body, url} = event.args;
  const quote = text => `'${String(text).replaceAll("'", "'\\''")}'`;
  const skipped = ['host', 'content-length', 'connection', 'accept-encoding', 'transfer-encoding'];
  const given = Object.entries(headers).filter(([name]) => !skipped.includes(name.toLowerCase())).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
  const data = body === undefined ? [] : ['--data-binary', quote(typeof body === 'string' ? body : JSON.stringify(body))];
  return ['curl', '-N', '-X', method, quote(url), ...given, ...data].join(' ');
}

async function copy(text) {
  try { await navigator.clipboard.writeText(text); } catch {
    const area = element('textarea', text);
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  $('status').textContent = 'copied';
}

function follow(number) {
  view.followed = number;
  $('unfollow').hidden = false;
  const all = events.filter(event => event.args.trace === number && event.isSlice);
  const from = Math.min(...all.map(event => event.a)), to = Math.max(...all.map(event => event.b)), rim = (to - from) * .1 + 100;
  show(from - rim, to + rim);
  $('status').textContent = `following a request: ${counted(new Set(all.map(event => event.lane.name)).size, 'program')}, ${counted(all.length, 'hop')}`;
  if (view.selected) showDetails(view.selected);
}

const counted = (number, what) => `${number} ${what}${number === 1 ? '' : 's'}`;

function unfollow() {
  view.followed = null;
  $('unfollow').hidden = true;
  if (view.selected) showDetails(view.selected);
  redraw();
}

function hops(number) {
  const part = element('div'), list = element('ol', undefined, {id: 'hops'});
  for (const event of events.filter(one => one.args.trace === number && one.isSlice)) {
    const item = element('li');
    item.append(button(`${seconds(event.from)} ${event.lane.name} ${event.kind === 'sent' ? 'sends' : 'receives'} ${event.name} ${statusOf(event)}, ${seconds(event.to - event.from)}`,
      () => select(event, {reveal: true})));
    list.append(item);
  }
  part.append(element('h4', 'All hops of this request'), list);
  return part;
}

const printed = events.filter(event => event.kind === 'output');
function showOutputs(event) {
  const lines = $('only-program').checked && event ? printed.filter(line => line.lane === event.lane) : printed;
  const at = event ? event.from : view.from;
  let next = lines.findIndex(line => line.from > at);
  if (next < 0) next = lines.length;
  const from = Math.max(0, next - 12);
  $('outputs').replaceChildren(...lines.slice(from, next + 12).map((line, offset) => {
    const item = element('li');
    item.append(element('b', `${seconds(line.from)} ${line.lane.name} `), line.name);
    if (from + offset === next - 1) item.setAttribute('aria-current', 'true');
    return item;
  }));
  if (!lines.length) $('outputs').replaceChildren(element('li', 'nothing'));
}

function listEvents() {
  const found = events.filter(event => isShown(event) && event.b >= view.from && event.a <= view.to && !isDim(event));
  if (pageStart === null) pageStart = view.selected ? Math.max(0, found.indexOf(view.selected) - 20) : 0;
  pageStart = Math.max(0, Math.min(pageStart, Math.max(0, found.length - PAGE)));
  const part = found.slice(pageStart, pageStart + PAGE);
  $('events-caption').textContent = found.length ? `${pageStart + 1} to ${pageStart + part.length} of ${found.length} events` : 'no event';
  $('rows').replaceChildren(...part.map(event => {
    const row = element('tr');
    const what = element('td');
    what.append(button(event.name, () => select(event)));
    row.append(element('td', seconds(event.from)), element('td', event.lane.name), element('td', event.kind), what, element('td', statusOf(event), event.bad ? {className: 'bad'} : {}));
    if (event === view.selected) row.setAttribute('aria-current', 'true');
    return row;
  }));
  $('earlier').disabled = pageStart === 0;
  $('later').disabled = pageStart + PAGE >= found.length;
}
changed = () => { clearTimeout(timer); timer = setTimeout(listEvents, 150); };

function step(direction) {
  let index = view.selected ? view.selected.index + direction : direction > 0 ? 0 : events.length - 1;
  while (events[index] && (!isShown(events[index]) || isDim(events[index]))) index += direction;
  if (events[index]) select(events[index], {reveal: true});
}

function toFailure() {
  const at = failure || [...events].reverse().find(event => event.bad);
  if (!at) { $('status').textContent = 'nothing failed'; return; }
  const span = Math.max(2000, (view.last - view.first) / 20);
  const marks = ['fault', 'signal', 'process'], before = [...events].reverse().find(one => one.a < at.a && (marks.includes(one.kind) || (one.bad && one.kind !== 'keyword')));
  const from = before ? Math.min(at.a - span * .8, before.a - (at.a - before.a) * .1) : at.a - span * .8;  // what may have caused it is in view
  show(from, at.a + (at.a - from) * .25);
  select(at);
}

function checkboxes(parent, entries) {
  for (const [text, isOn, toggle] of entries) {
    const label = element('label'), mark = element('input', undefined, {type: 'checkbox', checked: isOn});
    mark.addEventListener('change', () => { toggle(mark.checked); resize(); });
    label.append(mark, ` ${text}`);
    parent.append(label);
  }
}

// --- pointers ---

const pointers = new Map();
let moved = 0;
box.addEventListener('pointerdown', event => { if (event.offsetX < box.clientWidth) { pointers.set(event.pointerId, event); moved = 0; } });
window.addEventListener('pointermove', event => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const [one, two] = [...pointers.values()];
  if (two) {
    const other = one.pointerId === event.pointerId ? two : one, old = Math.abs(before.clientX - other.clientX), now = Math.abs(event.clientX - other.clientX);
    if (old > 5 && now > 5) zoom(old / now, timeOf((event.clientX + other.clientX) / 2 - box.getBoundingClientRect().left));
  } else {
    pan((before.clientX - event.clientX) / (width - labels));
  }
  moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
  pointers.set(event.pointerId, event);
});
for (const end of ['pointerup', 'pointercancel']) window.addEventListener(end, event => pointers.delete(event.pointerId));
box.addEventListener('click', event => {
  const place = canvas.getBoundingClientRect(), found = moved < 5 ? eventAt(event.clientX - place.left, event.clientY - place.top) : null;
  if (found) select(found);
});
box.addEventListener('wheel', event => {
  if (event.altKey) return;
  event.preventDefault();
  const across = event.shiftKey ? event.deltaY || event.deltaX : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0;
  if (across) pan(across / 1000);
  else zoom(Math.exp(event.deltaY / 500), timeOf(event.clientX - canvas.getBoundingClientRect().left));
}, {passive: false});
box.addEventListener('scroll', redraw);

// --- keys ---

const KEYS = {
  ArrowLeft: () => pan(-.15), ArrowRight: () => pan(.15), '+': () => zoom(.7), '=': () => zoom(.7), '-': () => zoom(1.4), 0: showAll, Home: showAll,
  ArrowUp: () => { box.scrollTop -= 40; }, ArrowDown: () => { box.scrollTop += 40; }, n: () => step(1), p: () => step(-1), f: toFailure,
  r: () => { if (view.selected && view.selected.args.trace) follow(view.selected.args.trace); }, Enter: () => $('details').focus(), Escape: unfollow};
box.addEventListener('keydown', event => {
  const action = KEYS[event.key] || KEYS[event.key.toLowerCase()];
  if (action && !event.ctrlKey && !event.metaKey) { event.preventDefault(); action(); }
});

// --- the page ---

$('zoom-in').onclick = () => zoom(.6);
$('zoom-out').onclick = () => zoom(1.6);
$('all').onclick = showAll;
$('to-failure').onclick = toFailure;
$('unfollow').onclick = unfollow;
$('earlier').onclick = () => { pageStart -= PAGE; listEvents(); };
$('later').onclick = () => { pageStart += PAGE; listEvents(); };
$('only-program').onchange = () => showOutputs(view.selected);
$('find').oninput = () => { view.find = $('find').value.trim().toLowerCase(); pageStart = 0; $('status').textContent = view.find ? `${counted(events.filter(event => isShown(event) && !isDim(event)).length, 'event')} found` : ''; redraw(); };
$('clock').onchange = () => { [view.first, view.last] = setClock($('clock').value); showAll(); };
checkboxes($('programs'), lanes.map(lane => [lane.name, true, isOn => { lane.shown = isOn; }]));
checkboxes($('kinds'), KINDS.map(([kind, text]) => [text, view.kinds.has(kind), isOn => { if (isOn) view.kinds.add(kind); else view.kinds.delete(kind); }]));
$('verdict').textContent = about.message || about.status || '';
if (about.status === 'FAIL') $('verdict').classList.add('failed');
for (const [text, target] of about.links || []) $('links').append(element('a', text, {href: target}));

function goToHash() {
  const [, name, value] = /^#(at|kw|failure)=?(.*)$/.exec(location.hash) || [];
  const found = name === 'kw' ? events.find(event => event.kind === 'keyword' && event.args.id === decodeURIComponent(value)) : null;
  if (name === 'failure') toFailure();
  else if (found) { const rim = Math.max(1000, (found.b - found.a) * .5); show(found.a - rim, found.b + rim); select(found); }
  else if (name === 'at') { const span = Math.max(2000, (view.last - view.first) / 20); show(Number(value) - span / 2, Number(value) + span / 2); }
}

readColours();
for (const query of ['(prefers-color-scheme: dark)', 'print']) matchMedia(query).addEventListener('change', () => { readColours(); resize(); draw(); });
[view.first, view.last] = setClock('real');
showAll();
resize();
showOutputs(failure);
window.addEventListener('resize', resize);
new ResizeObserver(() => { if (box.clientWidth !== width && !matchMedia('print').matches) resize(); }).observe(box);  // a scrollbar has come or gone
window.addEventListener('hashchange', goToHash);
goToHash();
