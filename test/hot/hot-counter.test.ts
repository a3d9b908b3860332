import { RedisHotSide } from 'lockstep/hot';
import { HAS_REDIS, RedisServer } from '../support/redis-server.ts';
import { testHotCounter } from './hot-counter-contract.ts';

const nothing = async (): Promise<void> => undefined;

testHotCounter('the journal', {
  ...{ start: nothing, stop: nothing },
  options: () => ({}),
  // A store that is as good as new.
  lost: async (rig) => ({ store: rig.path('new-store') }),
});

if (HAS_REDIS) {
  let server: RedisServer;
  testHotCounter('Redis', {
    async start() {
      server = await RedisServer.start();
    },
    stop: async () => server?.stop(),
    options: (rig, name) => ({ hot: rig.keep(new RedisHotSide(name, server.url)) }),
    async lost(rig, name) {
      await server.kill();
      server.deleteData();
      await server.start();
      return { hot: rig.keep(new RedisHotSide(name, server.url)) };
    },
  });
}
