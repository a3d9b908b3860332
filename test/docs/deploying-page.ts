import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const PAGE = fs.readFileSync(fileURLToPath(new URL('../../docs/deploying.md', import.meta.url)), 'utf8');
const BLOCK = /^```(\w+)\n(.*?)^```$/gms;

/** A block of the page: the nth of its language in its section. */
function block(section: string, language: string, nth = 0): string {
  const text = PAGE.split(/^## /m).find((each) => each.startsWith(`${section}\n`)) ?? '';
  const found = [...text.matchAll(BLOCK)].filter(([, name]) => name === language).map(([, , code = '']) => code);
  const code = found[nth];
  if (code === undefined) throw new Error(`docs/deploying.md: ${section} has no block ${nth} of ${language}`);
  return code;
}

/** Every block of docs/deploying.md, by the name by which tests use it. */
export const RECIPES = {
  pm2App: block('pm2', 'js', 0),
  pm2Ecosystem: block('pm2', 'js', 1),
  workerService: block('systemd', 'ini', 0),
  backupService: block('systemd', 'ini', 1),
  backupTimer: block('systemd', 'ini', 2),
  dockerfile: block('Docker', 'dockerfile'),
  compose: block('Docker', 'yaml'),
  composeCommands: block('Docker', 'sh'),
  cronCrontab: block('cron in a container', 'crontab'),
  cronDockerfile: block('cron in a container', 'dockerfile'),
  cronJob: block('Kubernetes', 'yaml'),
  selfHosted: block('GitHub Actions', 'yaml', 0),
  hosted: block('GitHub Actions', 'yaml', 1),
  npmPackage: block('npm scripts', 'json'),
};

/** All blocks of the page, in its order. */
export function allBlocks(): string[] {
  return [...PAGE.matchAll(BLOCK)].map(([, , code = '']) => code);
}

export interface Service {
  entrypoint?: string[];
  command?: string[];
  volumes: string[];
}

export interface Container {
  command: string[];
  args: string[];
  env: Array<{ name: string; value: string }>;
}

interface CronJob {
  spec: {
    jobTemplate: { spec: { template: { spec: { containers: [Container]; terminationGracePeriodSeconds: number } } } };
  };
}

interface Step {
  name?: string;
  run?: string;
  env?: Record<string, string>;
}

export function servicesOf(compose: string): Record<string, Service> {
  return (parse(compose) as { services: Record<string, Service> }).services;
}

/** The pod of a CronJob: its container, and its time to end. */
export function podOf(cronJob: string): { container: Container; graceSeconds: number } {
  const { containers, terminationGracePeriodSeconds } = (parse(cronJob) as CronJob).spec.jobTemplate.spec.template.spec;
  return { container: containers[0], graceSeconds: terminationGracePeriodSeconds };
}

/** The step of a workflow that deploys. */
export function deployStepOf(workflow: string): Step & { run: string } {
  const { jobs } = parse(workflow) as { jobs: Record<string, { steps: Step[] }> };
  const step = jobs.deploy?.steps.find(({ name }) => name?.startsWith('Deploy'));
  if (step?.run === undefined) throw new Error('the workflow has no step that deploys');
  return { ...step, run: step.run };
}

/** The instructions of a Dockerfile of one name, such as `ENV`; those with a list in JSON as lists. */
export function instructionsOf(dockerfile: string, name: string): string[] {
  return [...dockerfile.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, words = '']) => words);
}

/** Entry point and command of an image, as the words of one command line. */
export function commandOf(dockerfile: string): string[] {
  return ['ENTRYPOINT', 'CMD'].flatMap((name) => instructionsOf(dockerfile, name).flatMap((list) => JSON.parse(list)));
}
