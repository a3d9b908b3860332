import { spawn } from 'node:child_process';

// The least that a program written in Node can do to run a command: what `lockstep run` is measured against.

spawn('true', { stdio: 'inherit' }).once('exit', (code) => {
  process.exitCode = code ?? 1;
});
