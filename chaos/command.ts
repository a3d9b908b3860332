import { FencedWitness } from './etcd/fenced-witness.ts';
import { ETCD_SECTIONS } from './etcd/scenery.ts';
import { Random } from './random.ts';
import { Ground, SECTIONS } from './scenery.ts';
import { Witness } from './witness.ts';

// The command that `lockstep run` runs under its lock: node command.js ROOT SECTION ASK SEED STORE

const [root = '', name = '', ask = '1', seed = '0', store = ''] = process.argv.slice(2);
const ground = new Ground(root);
const isOnEtcd = store.startsWith('etcd');
const section = (isOnEtcd ? ETCD_SECTIONS : SECTIONS).find((one) => one.name === name);
if (!section) throw new Error(`there is no ${name}`);
const directory = ground.traces(name);
const token = Number(process.env.LOCKSTEP_TOKEN);
const leave = isOnEtcd ? new FencedWitness(directory, section).enter({ token }, Number(ask)) : visit();
setTimeout(leave, new Random(Number(seed)).whole(0, 30));

function visit(): () => void {
  const witness = new Witness(directory, section as (typeof SECTIONS)[number]);
  const inside = witness.enter(token, Number(ask));
  return () => witness.exit(inside);
}
