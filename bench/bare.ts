import { spawn } from 'node:child_process';

// The minimum that a Node program does to run a command: the baseline for `lockstep run`.

spawn('true', { stdio: 'inherit' }).once('exit', (code) => {
  process.exitCode = code ?? 1;
});
