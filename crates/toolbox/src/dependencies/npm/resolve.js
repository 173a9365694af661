// Resolves an npm project that has no lock, in a copy of its manifests; run by `node -e` in the machine, in the
// repository's root. argv[1]: { "root": "", "files": ["package.json", ..] }. Prints the lock with what a graph
// needs and no more (a whole one would not fit into what is kept of an output). The checkout stays as it is.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const KEPT = ['name', 'version', 'link', 'inBundle', 'hasShrinkwrap', 'dependencies', 'optionalDependencies', 'peerDependencies'];
const order = JSON.parse(process.argv[1]);
const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'resolve-'));
try {
  for (const file of order.files) {
    fs.mkdirSync(path.dirname(path.join(copy, file)), { recursive: true });
    fs.copyFileSync(file, path.join(copy, file));
  }
  const args = ['install', '--package-lock-only', '--package-lock=true', '--lockfile-version=3',
    '--ignore-scripts', '--no-audit', '--no-fund'];
  const ended = spawnSync('npm', args, { cwd: path.join(copy, order.root), stdio: ['ignore', 2, 2] });
  if (ended.error) {
    process.stderr.write(ended.error.code === 'ENOENT' ? 'npm: command not found\n' : `${ended.error.message}\n`);
    process.exitCode = ended.error.code === 'ENOENT' ? 127 : 1;
  } else if (ended.status !== 0) {
    process.exitCode = ended.status || 1;
  } else {
    const lock = JSON.parse(fs.readFileSync(path.join(copy, order.root, 'package-lock.json'), 'utf8'));
    const packages = {};
    for (const [location, entry] of Object.entries(lock.packages)) {
      const kept = {};
      for (const key of KEPT) if (entry[key] !== undefined) kept[key] = entry[key];
      if (!/(^|\/)node_modules\//.test(location) && entry.devDependencies) kept.devDependencies = entry.devDependencies;
      if (entry.link || !/^https?:/.test(entry.resolved || 'https:')) kept.resolved = entry.resolved;
      packages[location] = kept;
    }
    process.stdout.write(`${JSON.stringify({ lockfileVersion: lock.lockfileVersion, packages })}\n`);
  }
} finally {
  fs.rmSync(copy, { recursive: true, force: true });
}
