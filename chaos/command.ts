import { Random } from './random.ts';
import { Ground, SECTIONS } from './scenery.ts';
import { Witness } from './witness.ts';

// The command that `lockstep run` runs under its lock: node command.js ROOT SECTION ASK SEED

const [root = '', name = '', ask = '1', seed = '0'] = process.argv.slice(2);
const ground = new Ground(root);
const section = SECTIONS.find((one) => one.name === name);
if (!section) throw new Error(`there is no ${name}`);
const witness = new Witness(ground.traces(name), section);
const visit = witness.enter(Number(process.env.LOCKSTEP_TOKEN), Number(ask));
setTimeout(() => witness.exit(visit), new Random(Number(seed)).whole(0, 30));
