// The trace as the page needs it: lanes, events with their places, both clocks. Built from Chrome trace events alone.
'use strict';
const trace = JSON.parse(document.getElementById('trace').textContent);
const about = trace.otherData;
const KINDS = [
  ['keyword', 'keywords'], ['state', 'states'], ['request', 'requests received'], ['sent', 'requests sent'], ['probe', 'questions of the library'],
  ['token', 'tokens'], ['signal', 'signals'], ['fault', 'faults'], ['clock', "steps of the run's clock"], ['process', 'ends of processes'],
  ['record', 'other records'], ['output', 'lines of output']];
const MOST_ROWS = 8;

const lanes = [];
const laneOf = new Map();
for (const event of trace.traceEvents) {
  if (event.ph !== 'M' || event.name !== 'process_name') continue;
  const lane = {pid: event.pid, name: event.args.name, role: event.args.role, events: [], rows: 0, shown: true};
  laneOf.set(event.pid, lane);
  lanes.push(lane);
}
lanes.sort((a, b) => a.pid - b.pid);

const events = [];
const flows = new Map();
const samples = [];
let failure = null;
for (const raw of trace.traceEvents) {
  if (raw.ph === 's' || raw.ph === 'f') {
    const flow = flows.get(raw.id) || {};
    flow[raw.ph] = raw;
    flows.set(raw.id, flow);
  } else if (raw.ph === 'C') {
    samples.push([raw.ts, raw.args.seconds * 1e6]);
  } else if (raw.ph === 'X' || raw.ph === 'i') {
    const args = raw.args || {};
    const isProbe = raw.cat === 'request' && args.method === 'GET' && String(args.caller).startsWith('RbeeLibrary');
    const event = {kind: isProbe ? 'probe' : raw.cat, name: raw.name, lane: laneOf.get(raw.pid), from: raw.ts, to: raw.ts + (raw.dur || 0), args,
      isSlice: raw.ph === 'X', tid: raw.tid, row: 0, bad: isBad(raw), text: null};
    if (event.kind === 'failure') failure = event;
    events.push(event);
    event.lane.events.push(event);
  }
}
events.sort((a, b) => a.from - b.from || b.to - a.to);
events.forEach((event, index) => { event.index = index; });
for (const lane of lanes) {
  lane.events.sort((a, b) => a.index - b.index);
  const received = lane.events.filter(event => event.kind === 'request' || event.kind === 'probe');
  const receivedRows = received.reduce((most, event) => Math.max(most, event.tid), 0);
  for (const event of lane.events) {
    if (event.kind === 'keyword') event.row = Math.min(event.args.depth, 4) - 1;
    else if (event.kind === 'request' || event.kind === 'probe') event.row = Math.min(event.tid, MOST_ROWS);
    else if (event.kind === 'sent') event.row = Math.min(Math.min(receivedRows, MOST_ROWS) + event.tid - 100, 2 * MOST_ROWS);
    lane.rows = Math.max(lane.rows, event.row + 1);
  }
}
const sliceAt = new Map(events.filter(event => event.isSlice).map(event => [`${event.lane.pid}/${event.tid}/${event.from}`, event]));
const arrows = [];
for (const {s, f} of flows.values()) {
  if (!s || !f) continue;
  const target = sliceAt.get(`${f.pid}/${f.tid}/${f.ts}`);
  const source = sliceAt.get(`${s.pid}/${s.tid}/${s.ts}`) || null;
  if (target) arrows.push({source, target, lane: laneOf.get(s.pid), from: s.ts, to: f.ts});
}

const first = Math.min(0, ...events.slice(0, 1).map(event => event.from));
const last = events.reduce((latest, event) => event.kind === 'output' ? latest : Math.max(latest, event.to), first + 1);

function isBad(raw) {
  const args = raw.args || {};
  return Boolean(args.failure) || Number(args.status) >= 400 || args.status === 'FAIL' || raw.cat === 'failure' || (raw.cat === 'request' && args.complete === false);
}

// The run's clock at a real time, both in microseconds: straight between samples, at the pace of real time outside of them.
function runTime(real) {
  if (!samples.length) return real;
  let low = 0, high = samples.length - 1;
  if (real <= samples[0][0]) return samples[0][1] - origin - (samples[0][0] - real);
  if (real >= samples[high][0]) return samples[high][1] - origin + (real - samples[high][0]);
  while (high - low > 1) { const middle = (low + high) >> 1; if (samples[middle][0] <= real) low = middle; else high = middle; }
  const [a, b] = [samples[low], samples[high]];
  return a[1] - origin + (b[0] > a[0] ? (real - a[0]) / (b[0] - a[0]) * (b[1] - a[1]) : 0);
}
const origin = samples.length ? samples[0][1] - samples[0][0] : 0;

let clock = 'real';
function setClock(name) {
  clock = name;
  const place = name === 'run' ? runTime : time => time;
  for (const event of events) { event.a = place(event.from); event.b = place(event.to); }
  for (const arrow of arrows) { arrow.a = place(arrow.from); arrow.b = place(arrow.to); }
  return [place(first), place(last)];
}

function textOf(event) {
  if (event.text === null) event.text = `${event.name} ${event.lane.name} ${JSON.stringify(event.args)}`.toLowerCase();
  return event.text;
}

function seconds(microseconds) {
  const size = Math.abs(microseconds);
  return size < 1000 && size > 0 ? `${microseconds.toFixed(0)} us` : size < 1e6 ? `${(microseconds / 1000).toFixed(3)} ms` : `${(microseconds / 1e6).toFixed(3)} s`;
}

function statusOf(event) {
  const {status, failure: reason, code} = event.args;
  return [status, code, reason].filter(value => value !== undefined && value !== null).join(' ');
}
