// Moves locked packages of an npm project to given versions; run by `node -e` in the machine, in the
// project's folder. argv[1] is the order, as `dependencies::npm::commands` writes it:
//   { "lockfileVersion": 3, "resolved": true, "manifests": ["package.json", ..],
//     "phases": [[{ "name", "from", "to", "down", "pins": [{ "manifest", "path": [..], "value" }], "not": ["owner@1.0.0"] }]] }
// where "not" names packages whose requirement excludes "to": they keep what they have.
//
// npm has no command for "this version of that transitive package, and nothing else". It does keep a lock
// as it is where every requirement is met, and it does follow requirements. So for one run of npm the
// requirements that lead to the package ask for exactly the wanted version (in the lock for packages, in
// package.json for the project's own). npm then fetches what it needs and writes the lock. After that the true requirements stand again and npm has the last word.
'use strict';
const fs = require('node:fs');
const { spawnSync } = require('node:child_process');

const LOCK = 'package-lock.json';
const KINDS = ['dependencies', 'optionalDependencies', 'peerDependencies', 'devDependencies'];
const OLDER_THAN_ANYTHING = '0.0.0-0';
const order = JSON.parse(process.argv[1]);

const read = (path) => fs.readFileSync(path, 'utf8');
const parse = (text) => JSON.parse(text.replace(/^\uFEFF/, ''));
const original = new Map([LOCK, ...order.manifests].map((path) => [path, read(path)]));
const style = (() => {
  const text = original.get(LOCK);
  const indent = /^\uFEFF?\s*\{\r?\n([ \t]+)/.exec(text);
  return { indent: indent ? indent[1] : '', newline: text.includes('\r\n') ? '\r\n' : '\n', last: /\r?\n$/.test(text) };
})();

function writeLock(lock) {
  const text = JSON.stringify(lock, null, style.indent) + (style.last ? '\n' : '');
  fs.writeFileSync(LOCK, text.replace(/\n/g, style.newline));
}

function npm() {
  const args = ['install', '--package-lock-only', '--package-lock=true', '--ignore-scripts', '--no-audit', '--no-fund',
    `--lockfile-version=${order.lockfileVersion}`, `--omit-lockfile-registry-resolved=${!order.resolved}`];
  const ended = spawnSync('npm', args, { stdio: 'inherit' });
  if (ended.error) {
    throw new Error(ended.error.code === 'ENOENT' ? 'npm: command not found' : `npm: ${ended.error.message}`);
  }
  if (ended.status !== 0) throw new Error(`npm install ended with ${ended.signal || ended.status}`);
}

const nameAt = (location, entry) => entry.name || location.slice(location.lastIndexOf('node_modules/') + 13);
const isOwn = (location) => !/(^|\/)node_modules\//.test(location);
const identity = (location, entry) => `${nameAt(location, entry)}@${entry.version}`;

// Where a package at `location` finds `name`: in its own node_modules, else one folder further up.
function resolve(packages, location, name) {
  for (let folder = location; ; ) {
    const found = `${folder}${folder ? '/' : ''}node_modules/${name}`;
    if (packages[found]) return found;
    // Above a folder beside the project's the project's own packages are not found.
    if (!folder || /(^|\/)\.\.$/.test(folder)) return undefined;
    folder = folder.slice(0, Math.max(folder.lastIndexOf('/'), 0));
    folder = folder.replace(/(^|\/)node_modules$/, '');
  }
}

function versionsOf(lock) {
  const known = new Set();
  for (const [location, entry] of Object.entries(lock.packages)) known.add(identity(location, entry));
  return known;
}

// Makes the requirements that lead to the moving packages exact; says what has to be put back.
function steer(lock, moves, known) {
  const { packages } = lock;
  const moving = new Map();
  for (const [location, entry] of Object.entries(packages)) {
    if (isOwn(location) || entry.link) continue;
    const name = nameAt(location, entry);
    const move = moves.find((m) => m.name === name && (m.from === entry.version ||
      (m.to !== entry.version && !known.has(identity(location, entry)))));
    if (move) moving.set(location, move);
  }
  const pins = [];
  for (const [location, entry] of Object.entries(packages)) {
    if (isOwn(location) || entry.link) continue;
    for (const kind of KINDS) {
      for (const [key, range] of Object.entries(entry[kind] || {})) {
        const move = moving.get(resolve(packages, location, key));
        if (!move) continue;
        const owner = identity(location, entry);
        const refuses = move.not.includes(owner);
        // A peer that excludes the new version is for npm to weigh, with its true range.
        if (refuses && kind === 'peerDependencies') continue;
        const version = refuses ? move.from : move.to;
        const alias = /^npm:((?:@[^/]+\/)?[^@/]+)/.exec(range);
        const exact = alias ? `npm:${alias[1]}@${version}` : version;
        pins.push({ owner, kind, key, range, exact });
      }
    }
  }
  for (const [location, entry] of Object.entries(packages)) {
    for (const pin of pins) {
      if (!isOwn(location) && identity(location, entry) === pin.owner) entry[pin.kind][pin.key] = pin.exact;
    }
  }
  // npm replaces a version by a newer one; a step down is one from something older still.
  for (const [location, move] of moving) {
    const entry = packages[location];
    if (move.down || entry.version !== move.from) entry.version = OLDER_THAN_ANYTHING;
  }
  return { pins, any: moving.size > 0 };
}

function unsteer(lock, pins) {
  for (const [location, entry] of Object.entries(lock.packages)) {
    if (isOwn(location)) continue;
    for (const pin of pins) {
      if (identity(location, entry) !== pin.owner) continue;
      if (entry[pin.kind] && entry[pin.kind][pin.key] === pin.exact) entry[pin.kind][pin.key] = pin.range;
    }
  }
}

function pinManifests(moves) {
  const changed = new Map();
  for (const { manifest, path, value } of moves.flatMap((move) => move.pins)) {
    const whole = changed.get(manifest) || parse(original.get(manifest));
    const last = path[path.length - 1];
    path.slice(0, -1).reduce((at, key) => at[key], whole)[last] = value;
    changed.set(manifest, whole);
  }
  for (const [path, whole] of changed) fs.writeFileSync(path, `${JSON.stringify(whole, null, 2)}\n`);
}

function restoreManifests() {
  for (const path of order.manifests) fs.writeFileSync(path, original.get(path));
}

// A mirror may name itself as the source of what it served; the lock keeps naming the registry it always named.
function keepRegistry(lock, before) {
  const base = (location, entry) => {
    const at = typeof entry.resolved === 'string' ? entry.resolved.indexOf(`/${nameAt(location, entry)}/-/`) : -1;
    return at < 0 ? undefined : entry.resolved.slice(0, at);
  };
  const scope = (location, entry) => (/^(@[^/]+)\//.exec(nameAt(location, entry)) || [, ''])[1];
  const bases = new Map();
  for (const [location, entry] of Object.entries(before.packages)) {
    const found = base(location, entry);
    if (!found || isOwn(location)) continue;
    for (const key of [scope(location, entry), '*']) bases.set(key, (bases.get(key) || new Set()).add(found));
  }
  let changed = false;
  for (const [location, entry] of Object.entries(lock.packages)) {
    const found = isOwn(location) ? undefined : base(location, entry);
    const usual = bases.get(scope(location, entry)) || bases.get('*');
    if (!found || !usual || usual.size !== 1 || usual.has(found)) continue;
    entry.resolved = [...usual][0] + entry.resolved.slice(found.length);
    changed = true;
  }
  return changed;
}

try {
  const before = parse(original.get(LOCK));
  const known = versionsOf(before);
  for (const moves of order.phases) {
    const lock = parse(read(LOCK));
    const { pins, any } = steer(lock, moves, known);
    if (!any) continue;
    writeLock(lock);
    pinManifests(moves);
    npm();
    const moved = parse(read(LOCK));
    unsteer(moved, pins);
    writeLock(moved);
    restoreManifests();
  }
  npm();
  restoreManifests();
  const after = parse(read(LOCK));
  if (keepRegistry(after, before)) {
    writeLock(after);
    npm();
    restoreManifests();
  }
  // npm takes the style of package.json; the lock keeps its own.
  writeLock(parse(read(LOCK)));
} catch (error) {
  for (const [path, text] of original) fs.writeFileSync(path, text);
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.message === 'npm: command not found' ? 127 : 1;
}
