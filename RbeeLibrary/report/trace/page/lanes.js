// The picture: lanes on a canvas, drawn anew whenever something changes, and where each event is in it.
'use strict';
const box = document.getElementById('lanes');
const canvas = document.getElementById('canvas');
const pen = canvas.getContext('2d');
const AXIS = 22, STATE = 12, ROW = 9, GAP = 12, MOST_ARROWS = 300;
const view = {from: 0, to: 1, first: 0, last: 1, selected: null, followed: null, find: '', kinds: new Set(KINDS.map(([kind]) => kind).filter(kind => kind !== 'output'))};
let colours = {}, width = 0, height = 0, labels = 120, drawn = [], pending = false, thinned = false, changed = () => {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ['ground', 'ink', 'faint', 'line', 'stripe', 'mark', 'bad', 'starting', 'loading', 'idle', 'busy', 'draining', 'frozen', 'running',
    'request', 'sent', 'keyword', 'on-keyword', 'token', 'clock']) colours[name] = style.getPropertyValue(`--${name}`).trim();
}

function placeLanes() {
  let top = 0;
  for (const lane of lanes) {
    lane.top = top;
    lane.height = lane.shown ? (lane.role === 'test' ? 6 + 14 * Math.max(1, lane.rows) : STATE + 4 + ROW * lane.rows + GAP) : 0;
    top += lane.height;
  }
  return top + AXIS;
}

const PRINTED = 1000;  // pixels of the picture on paper, to which the page scales it
function resize() {
  const ratio = window.devicePixelRatio || 1;
  width = matchMedia('print').matches ? PRINTED : box.clientWidth;
  const total = placeLanes();
  height = matchMedia('print').matches ? total : Math.max(120, Math.min(total, Math.round(window.innerHeight * .62)));
  document.getElementById('spacer').style.height = `${total}px`;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.font = '12px system-ui, sans-serif';
  labels = Math.min(width * .3, Math.max(70, ...lanes.filter(lane => lane.shown).map(lane => pen.measureText(lane.name).width + 16)));
  redraw();
}

function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; draw(); changed(); });
}

const xOf = time => labels + (time - view.from) / (view.to - view.from) * (width - labels);
const timeOf = x => view.from + (x - labels) / (width - labels) * (view.to - view.from);

function isShown(event) {
  return event.lane.shown && (event.kind === 'failure' || view.kinds.has(event.kind));
}

function isDim(event) {
  if (view.followed !== null) return event.args.trace !== view.followed;
  return view.find !== '' && !textOf(event).includes(view.find);
}

function draw() {
  drawn = [];
  pen.fillStyle = colours.ground;
  pen.fillRect(0, 0, width, height);
  pen.save();
  pen.beginPath();
  pen.rect(0, AXIS, width, height - AXIS);
  pen.clip();
  pen.translate(0, AXIS - box.scrollTop);
  const above = box.scrollTop, below = box.scrollTop + height;
  lanes.forEach((lane, number) => {
    if (!lane.shown || lane.top > below || lane.top + lane.height < above) return;
    if (number % 2) { pen.fillStyle = colours.stripe; pen.fillRect(0, lane.top, width, lane.height); }
    drawLane(lane);
  });
  drawArrows();
  drawLines();
  lanes.forEach((lane, number) => drawLabel(lane, number));
  pen.restore();
  drawAxis();
  if (thinned) pen.fillText('Not all arrows are drawn; zoom in for the rest.', labels + 4, height - 6);
}

function drawLane(lane) {
  const ends = new Map();
  for (const event of lane.events) {
    if (event.a > view.to) { if (clock === 'real') break; continue; }
    if (event.b < view.from || !isShown(event) || event.kind === 'failure' || event.kind === 'clock') continue;
    const left = Math.max(labels, xOf(event.a)), right = Math.min(width, Math.max(xOf(event.b), left + 1)), pixel = Math.round(left);
    const dim = isDim(event), slots = ends.get(event.kind) || ends.set(event.kind, []).get(event.kind), slot = 2 * event.row + dim;
    const end = event.isSlice ? Math.max(pixel, Math.round(right) - 1) : pixel;
    if (end <= slots[slot] && event !== view.selected) continue;  // it cannot be told apart from what is drawn there
    slots[slot] = end;
    pen.globalAlpha = dim ? .12 : event.kind === 'probe' ? .35 : 1;
    if (event.isSlice) drawSlice(lane, event, left, right); else drawMark(lane, event, left);
  }
  pen.globalAlpha = 1;
}

function place(event) {
  const lane = event.lane;
  if (event.kind === 'keyword') return [lane.top + 3 + 14 * event.row, 13];
  if (event.kind === 'state') return [lane.top + 3, STATE];
  if (event.kind === 'request' || event.kind === 'probe' || event.kind === 'sent') return [lane.top + 5 + STATE + ROW * (event.row - 1), event.kind === 'sent' ? 4 : 7];
  return [lane.top + 1, STATE + 4];
}

function drawSlice(lane, event, left, right) {
  const [top, tall] = place(event);
  pen.fillStyle = event.bad ? colours.bad : event.kind === 'state' ? colours[event.name] || colours.running : colours[event.kind] || colours.request;
  pen.fillRect(left, top, right - left, tall);
  if (event === view.selected) { pen.strokeStyle = colours.mark; pen.lineWidth = 2; pen.strokeRect(left - 1, top - 1, right - left + 2, tall + 2); }
  drawn.push([left, top, right, top + tall, event]);
  if ((event.kind === 'keyword' || event.kind === 'state') && right - left > 40) {
    pen.save();
    pen.beginPath();
    pen.rect(left, top, right - left - 3, tall);
    pen.clip();
    pen.fillStyle = event.kind === 'keyword' ? colours['on-keyword'] : '#ffffff';
    pen.font = '11px system-ui, sans-serif';
    pen.fillText(event.name, left + 4, top + tall - 2.5);
    pen.restore();
  }
}

function drawMark(lane, event, x) {
  const top = lane.top + 3;
  pen.fillStyle = pen.strokeStyle = event.kind === 'token' ? colours.token : event.kind === 'record' || event.kind === 'output' ? colours.faint : colours.bad;
  pen.lineWidth = event === view.selected ? 3 : 1;
  pen.beginPath();
  if (event.kind === 'token') pen.fillRect(x, top + 2, pen.lineWidth, STATE - 4);
  else if (event.kind === 'fault' && event.name.endsWith('is armed')) { pen.lineWidth = 2; pen.arc(x, top + STATE / 2, 4, 0, 7); pen.stroke(); }
  else if (event.kind === 'fault') { pen.arc(x, top + STATE / 2, 4.5, 0, 7); pen.fill(); }
  else if (event.kind === 'signal') { pen.moveTo(x, top + 4); pen.lineTo(x - 4, top - 3); pen.lineTo(x + 4, top - 3); pen.fill(); }
  else if (event.kind === 'process') { pen.lineWidth = 2; pen.moveTo(x - 4, top + 2); pen.lineTo(x + 4, top + 10); pen.moveTo(x + 4, top + 2); pen.lineTo(x - 4, top + 10); pen.stroke(); }
  else { pen.fillRect(x - 1, top + STATE - 3, 3, 4); }
  if (event === view.selected) { pen.strokeStyle = colours.mark; pen.strokeRect(x - 6, top - 4, 12, STATE + 6); }
  drawn.push([x - 4, top - 3, x + 4, top + STATE + 2, event]);
}

function drawArrows() {
  const seen = new Set(), paths = new Map();
  const inView = arrows.filter(({a, b, lane, target}) => Math.max(a, b) >= view.from && Math.min(a, b) <= view.to && lane.shown && isShown(target)
    && Math.max(lane.top, target.lane.top) >= box.scrollTop - 40 && Math.min(lane.top, target.lane.top) <= box.scrollTop + height);
  const stride = Math.ceil(inView.length / MOST_ARROWS);
  inView.forEach((arrow, number) => {
    const event = arrow.target, dim = isDim(event), chosen = event === view.selected, strong = chosen || (view.followed !== null && !dim);
    if (number % stride && !strong && !event.bad) return;  // so many would be a black area; zoomed in, all of them are drawn
    const x1 = xOf(arrow.a), x2 = xOf(arrow.b), key = (Math.round(x1) * 8192 + Math.round(x2)) * 4096 + arrow.lane.pid * 64 + event.lane.pid;
    if (seen.has(key) && !strong) return;
    seen.add(key);
    const down = event.lane.top > arrow.lane.top;
    const y1 = arrow.source ? place(arrow.source)[0] + 3 : down ? arrow.lane.top + arrow.lane.height - 4 : arrow.lane.top + 8;
    const [top, tall] = place(event), y2 = down ? top : top + tall, tip = down ? -5 : 5;
    const style = `${dim ? .06 : event.kind === 'probe' ? .2 : stride > 1 && !strong ? .4 : .7}|${event.bad ? 'bad' : chosen ? 'mark' : 'ink'}|${strong ? 2 : 1}`;
    if (!paths.has(style)) paths.set(style, new Path2D());
    const path = paths.get(style);
    path.moveTo(x1, y1); path.lineTo(x2, y2);
    path.moveTo(x2 - 3, y2 + tip); path.lineTo(x2, y2); path.lineTo(x2 + 3, y2 + tip);
    if (!dim) drawn.push([x1, y1, x2, y2, event, 'arrow']);
  });
  for (const [style, path] of paths) {  // all arrows of a style at once: thousands of single strokes would stop the picture from moving
    const [alpha, colour, line] = style.split('|');
    pen.globalAlpha = Number(alpha);
    pen.strokeStyle = colours[colour];
    pen.lineWidth = Number(line);
    pen.stroke(path);
  }
  pen.globalAlpha = 1;
  thinned = stride > 1;
}

function drawLines() {
  const bottom = lanes.reduce((most, lane) => Math.max(most, lane.top + lane.height), height);
  for (const event of events) {
    if ((event.kind !== 'clock' && event.kind !== 'failure') || !isShown(event) || event.a < view.from || event.a > view.to) continue;
    const x = xOf(event.a);
    pen.strokeStyle = event.kind === 'failure' ? colours.bad : colours.clock;
    pen.lineWidth = event === view.selected ? 3 : event.kind === 'failure' ? 2 : 1;
    pen.setLineDash(event.kind === 'failure' ? [] : [4, 3]);
    pen.beginPath();
    pen.moveTo(x, 0); pen.lineTo(x, bottom);
    pen.stroke();
    pen.setLineDash([]);
    drawn.push([x - 4, 0, x + 4, bottom, event]);
  }
}

function drawLabel(lane, number) {
  if (!lane.shown) return;
  pen.fillStyle = number % 2 ? colours.stripe : colours.ground;
  pen.fillRect(0, lane.top, labels, lane.height);
  pen.fillStyle = colours.ink;
  pen.font = '12px system-ui, sans-serif';
  let text = lane.name;
  while (text.length > 3 && pen.measureText(text).width > labels - 10) text = `${text.slice(0, -2)}…`;
  pen.fillText(text, 6, lane.top + 13);
}

function drawAxis() {
  pen.fillStyle = colours.ground;
  pen.fillRect(0, 0, width, AXIS);
  pen.fillStyle = pen.strokeStyle = colours.faint;
  pen.font = '12px system-ui, sans-serif';
  pen.lineWidth = 1;
  const wanted = (view.to - view.from) / Math.max(2, (width - labels) / 110), power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map(digit => digit * power).find(size => size >= wanted);
  for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step) {
    const x = xOf(time);
    pen.globalAlpha = .18;
    pen.fillRect(x, AXIS - 5, 1, height);
    pen.globalAlpha = 1;
    const text = step >= 1e6 ? `${Math.round(time / 1e6)} s` : step >= 1000 ? `${+(time / 1e6).toFixed(3)} s` : `${+(time / 1000).toFixed(3)} ms`;
    if (x + pen.measureText(text).width + 4 < width) pen.fillText(text, x + 3, 13);
  }
}

function eventAt(x, y) {
  const inside = y - AXIS + box.scrollTop;
  let best = null, nearest = 7;
  for (const [left, top, right, bottom, event, isArrow] of drawn) {
    const away = isArrow ? distance(x, inside, left, top, right, bottom) + 1 : Math.max(left - x, x - right, top - inside, inside - bottom, 0);
    const size = isArrow ? 2 : away + (event.isSlice ? .5 : 0);
    if (away < 6 && size < nearest) { nearest = size; best = event; }
  }
  return best;
}

function distance(x, y, x1, y1, x2, y2) {
  const length = (x2 - x1) ** 2 + (y2 - y1) ** 2 || 1, along = Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length));
  return Math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1));
}

function show(from, to) {
  const whole = view.last - view.first, span = Math.max(5, Math.min(to - from, whole * 1.1));
  const middle = Math.max(view.first, Math.min(view.last, (from + to) / 2));
  view.from = middle - span / 2;
  view.to = middle + span / 2;
  redraw();
}
const showAll = () => { const rim = (view.last - view.first) * .02; show(view.first - rim, view.last + rim); };
function zoom(factor, at = (view.from + view.to) / 2) { show(at - (at - view.from) * factor, at + (view.to - at) * factor); }
function pan(share) { const by = (view.to - view.from) * share; show(view.from + by, view.to + by); }
