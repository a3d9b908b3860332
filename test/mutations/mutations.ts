/** A textual replacement in a source. `from` must stand there exactly once. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A rule of the protocol that is broken, and the test that must notice. */
export interface Mutation {
  readonly rule: string;
  readonly edits: readonly Edit[];
  readonly caughtBy: { readonly file: string; readonly test: string };
}

const RANDOM = {
  file: 'test/simulation/random/random.test.ts',
  test: 'three to eight processes that do everything at random',
};

function simulated(test: string): Mutation['caughtBy'] {
  return { file: 'test/simulation/kernel.test.ts', test };
}

function unit(name: string, test: string): Mutation['caughtBy'] {
  return { file: `test/${name}.test.ts`, test };
}

function documents(test: string): Mutation['caughtBy'] {
  return { file: 'test/file/document.test.ts', test };
}

function broken(rule: string, file: string, from: string, to: string, caughtBy: Mutation['caughtBy']): Mutation {
  return { rule, edits: [{ file: `lib/${file}.ts`, from, to }], caughtBy };
}

export const MUTATIONS: readonly Mutation[] = [
  broken(
    'an epoch is made though the last one is not in place any more',
    'journal/epoch-files',
    'if (isWanted()) files.link(file, this.path(number));',
    'if (isWanted() || number > 0) files.link(file, this.path(number));',
    unit('journal/epoch-files', 'is not made in the directory of a successor'),
  ),
  broken(
    'a new directory gets a number that was taken before it was prepared',
    'journal/epoch-files',
    'for (let round = 0; PREPARED.test(name) && files.look(prepared) !== null; round++) {',
    'for (let round = 0; round < 0; round++) {',
    unit('journal/epoch-files', 'does not get a number that was taken before'),
  ),
  broken(
    'a directory is removed before the numbers of its epochs are remembered',
    'disk/open-resources',
    'this.#epochFloor.raise({ epoch: last.epoch + 1, last: last.last });',
    '',
    RANDOM,
  ),
  broken(
    'a directory with a successor is removed',
    'journal/epoch-files',
    'if (highestIn(names) !== number || !names.every(isOurs)) return false;',
    'if (!names.every(isOurs)) return false;',
    unit('journal/epoch-files', 'stays if there is a successor'),
  ),
  broken(
    'a name is forgotten while somebody is in line',
    'line/line',
    'if (this.size > 0 || value !== this.value) return null;',
    'if (value !== this.value) return null;',
    unit('line/forget', 'counts only where nobody is in line, and the value is the one seen'),
  ),
  broken(
    'a name is forgotten though its value changed since it was looked at',
    'line/line',
    'if (this.size > 0 || value !== this.value) return null;',
    'if (this.size > 0) return null;',
    unit('line/forget', 'counts only where nobody is in line, and the value is the one seen'),
  ),
  broken(
    'a journal that was forgotten is gone on with',
    'journal/journal',
    'if (this.#isOver) throw goneError(this.#options);',
    '',
    unit(
      'journal/journal',
      'a journal whose resource was forgotten is over for good, also when another one has its name',
    ),
  ),
  broken(
    'a resource that became another one is taken for the same',
    'disk/ledger',
    'succeeds: (next, last) => isSameConfig(next.config, last.config),',
    '',
    { file: 'test/contract/disk-store.test.ts', test: 'is another one for one who has it open as what it was' },
  ),
  broken(
    'a barrier that was broken, and has been reset, is taken for one whose line is full',
    'disk/entrance',
    "if (own.state === 'refused' && !line.waitsForAll && !line.isClosed) throw this.#fullError();",
    "if (own.state === 'refused' && !line.isClosed) throw this.#fullError();",
    RANDOM,
  ),
  broken(
    'an entry that ended before its name was forgotten is left in vain',
    'disk/disk-resource',
    'if (this.isOver) return over;',
    '',
    { file: 'test/contract/disk-store.test.ts', test: 'is no trouble for one whose entry was evicted before' },
  ),
  broken(
    'a timer beyond the longest delay fires at once',
    'time/timer',
    'const next = restMs > MAX_DELAY_MS ? () => arm(restMs - MAX_DELAY_MS) : callback;',
    'const next = callback;',
    unit('time/timer', 'fires once, after 2147483648 ms and not before'),
  ),
  broken('a link replaces what is there', 'host/node-files', 'fs.linkSync(from, to)', 'fs.renameSync(from, to)', {
    file: 'test/simulation/files-contract.test.ts',
    test: 'link never over something, and never from nothing',
  }),
  broken(
    'the fold reads on behind a seal',
    'journal/epoch',
    '      if (this.#sealed) break;\n',
    '',
    unit('journal/epoch', 'the first seal ends the epoch: what stands behind it is void'),
  ),
  broken(
    'a record is appended to an epoch that was read as sealed',
    'journal/epoch',
    '    if (this.#sealed) return null;\n',
    '',
    unit('journal/epoch', 'an epoch that was read as sealed takes no more, and reads no further'),
  ),
  broken(
    'a seal is no end',
    'journal/epoch',
    'if (isSeal || this.machine.isForgotten) this.#sealed = true;',
    'if (this.machine.isForgotten) this.#sealed = true;',
    RANDOM,
  ),
  broken(
    'the highest journal is deleted',
    'journal/epoch-files',
    '< highest - keptEpochs',
    '< highest + 2 - keptEpochs',
    RANDOM,
  ),
  broken(
    'a record that a seal made void is not repeated',
    'journal/journal',
    'if (folded) return folded.outcome;',
    'if (folded || round === 0) return (folded?.outcome ?? null) as OutcomeOf<M>;',
    RANDOM,
  ),
  broken(
    'a record that counts is repeated behind a seal that came with it',
    'journal/journal',
    'if (folded) return folded.outcome;',
    'if (folded && !this.#epoch.sealed) return folded.outcome;',
    RANDOM,
  ),
  {
    rule: 'the newline stands behind a record: a torn one takes its neighbour with it',
    edits: [
      { file: 'lib/journal/journal.ts', from: '    this.#out[0] = 0x0a;\n', to: '' },
      {
        file: 'lib/journal/journal.ts',
        from: 'return 1 + this.#out.write(json, 1);',
        to: "return this.#out.write([json, ''].join('\\n'), 0);",
      },
      {
        file: 'lib/journal/epoch.ts',
        from: "JSON.stringify(['lockstep', FORMAT, payload])",
        to: "[JSON.stringify(['lockstep', FORMAT, payload]), ''].join('\\n')",
      },
    ],
    caughtBy: RANDOM,
  },
  broken(
    'a line that is not there to its end is taken for garbage',
    'journal/epoch',
    'this.#skipping = isRecord || isTooLong;',
    'this.#skipping = true;',
    unit('journal/epoch', 'a record that arrives in pieces is folded when its last byte is there, and not before'),
  ),
  broken(
    'a write that was cut short counts as written',
    'host/whole-write',
    'if (files.write(fd, bytes, length) === length) return;',
    'if (files.write(fd, bytes, length) > 0) return;',
    unit('journal/epoch', 'a write that was cut short is tried once more; the second time it is an error'),
  ),
  broken(
    'an error that libuv has no name for is no error of the system',
    'host/errno',
    'return Number.isInteger(errno) && errno !== 0 ? nameOfErrno(errno as number) : null;',
    'return null;',
    unit('host/errno', 'an error that libuv has no name for is known by its number'),
  ),
  broken(
    'the cut of an output believes a short count',
    'host/whole-write',
    'done += written;',
    'done = bytes.length;',
    unit('jobs/output-spool', 'a cut whose writes are all cut short keeps the same bytes'),
  ),
  broken(
    'an error as the dead are evicted ends the wait',
    'disk/entry-wait',
    'own.resource.expelDeadBefore(own, isFirst',
    'own.resource.expelDead(own, isFirst',
    {
      file: 'test/faults/rejected.test.ts',
      test: 'a waiter whose eviction of the dead fails',
    },
  ),
  broken(
    'the living are evicted',
    'disk/dead-entries',
    'if (reasons.some((reason) => reason === null)) return false;',
    '',
    RANDOM,
  ),
  broken(
    'an entry is evicted while one of its owners lives',
    'disk/dead-entries',
    'if (reasons.some((reason) => reason === null)) return false;',
    'if (reasons[0] === null) return false;',
    RANDOM,
  ),
  broken(
    'an eviction counts whatever owners were judged',
    'line/line',
    'if (!entry || (owners !== 0 && owners !== entry.owners.length)) return null;',
    'if (!entry) return;',
    unit('line/line', 'an eviction that judged one owner is void once a second has adopted the entry'),
  ),
  broken(
    'a zombie counts as alive',
    'session/liveness',
    'if (state.zombie) return',
    'if (state.start < 0) return',
    RANDOM,
  ),
  broken(
    'whoever has the pid counts as its owner',
    'session/liveness',
    "return state.start === facts.start ? null : 'its process is gone (the pid is reused)';",
    'return null;',
    RANDOM,
  ),
  broken(
    'the pid’s word alone evicts a session whose lifeline is held',
    'session/liveness',
    "if (own === 'held') return null;",
    "if (own === 'held' && pidWord(host.processes, owner.facts) === undefined) return null;",
    unit('session/liveness', 'is dead only if its lifeline, where it has one, is free'),
  ),
  {
    rule: 'a pid of another namespace is believed, and no lifeline is asked',
    edits: [
      {
        file: 'lib/session/liveness.ts',
        from: ' && facts.namespace !== 0 && facts.namespace === self.namespace;',
        to: ';',
      },
      { file: 'lib/session/liveness.ts', from: "    if (own === 'held') return null;\n", to: '' },
    ],
    caughtBy: simulated('keep what they hold while they live, and lose it when they die'),
  },
  broken(
    'a free lifeline proves a death on a file system that another kernel may have',
    'session/liveness',
    "return local || (facts.boot !== '' && facts.boot === host.processes.self().boot);",
    'return local || facts.pid > 0;',
    unit('session/liveness', 'is alive though its lifeline is free, on a file system that another kernel may have'),
  ),
  broken(
    'another boot id alone proves a reboot',
    'session/liveness',
    "return since / 1000 < bootedAt - BOOT_MARGIN_MS ? 'its machine was rebooted' : null;",
    "return since > 0 ? 'its machine was rebooted' : null;",
    unit('session/liveness', 'of a session that lived since this kernel’s boot: alive'),
  ),
  broken(
    'a command does not inherit its lifeline',
    'process/held-process',
    'if (lifeline === undefined) return { stdio, noticeFd: null };',
    'if (lifeline !== -1) return { stdio, noticeFd: null };',
    unit('process/inherited-lifeline', 'a command inherits the lifeline that it is given, and so does what it starts'),
  ),
  broken(
    'what left the group of a daemon outlives its main',
    'process/guardian-script',
    'for file in $(marked); do file=',
    'for file in; do file=',
    unit('process/guardian-script', 'ends the groups that it watches, and what has their mark'),
  ),
  broken(
    'a daemon gets two SIGTERM, as two watch over it',
    'process/guardian-script',
    '&& runs; do pause; done',
    '&& false; do pause; done',
    unit('process/guardian-script', 'in reserve it does nothing while the first one lives'),
  ),
  broken(
    'an object of a class arrives as its data',
    'process/untransferable',
    'if (!isPlain(object)) return described(object);',
    'if (!isPlain(object)) return null;',
    unit('process/argument-codec', 'an object of a class'),
  ),
  broken(
    'a command that closed its lifeline is left with a free one',
    'session/command-lifeline',
    'lifelines?.remove(name);\n    if (isFree()) return true;',
    'if (isFree()) return true;',
    unit('faults/lifeline', 'a command that has closed its lifeline'),
  ),
  broken(
    'the lifeline of a command that has just ended is taken for one that it has closed',
    'session/command-lifeline',
    "if (state === 'gone' || (state !== 'unknown' && state.zombie)) return false;",
    '',
    unit('session/command-lifeline', 'one whose command'),
  ),
  broken(
    'a lifeline that nobody holds is entrusted to a process',
    'session/command-lifeline',
    "if (name !== null && lifelines?.grip(name) !== 'held') lifelines?.remove(name);",
    '',
    unit('session/command-lifeline', 'one that is entrusted to another process'),
  ),
  broken(
    'the lifeline of a session that has an entry is swept',
    'disk/session-sweep',
    'if (!needed.has(stemOf(name))) removeFiles',
    'removeFiles',
    unit('disk/session-sweep', 'the files of dead sessions are swept, but for those of one that has an entry'),
  ),
  broken(
    'a lifeline has its name before it is open',
    'session/lifeline',
    'this.#path(`.line.',
    'this.#path(process.pid + "-key.life") || (`',
    unit('session/lifeline', 'at no call that makes a lifeline has it its name and no reader'),
  ),
  broken(
    'a lifeline that was named although the rename failed is closed',
    'session/lifeline',
    'if (this.#mayBeThere(name)) return true;',
    '',
    unit('faults/lifeline', 'robs nobody and leaves nothing'),
  ),
  broken(
    'a gap between two processes that look at a keepalive counts in full',
    'session/keepalive-watch',
    'return Math.min(gapMs, this.#options.patienceMs / GAP_PART);',
    'return Math.max(gapMs, 0);',
    unit('session/keepalive-watch', 'count a gap between two of them for at most a tenth of their patience'),
  ),
  broken(
    'a jump of the server’s clock counts as time that has passed',
    'session/seen-file',
    'isSame ? Math.min(byServer, to.uptimeMs - from.uptimeMs) : byServer',
    'isSame ? byServer : byServer',
    unit('session/keepalive-watch', 'count no time by which only the server’s clock went on'),
  ),
  broken(
    'nobody is poked',
    'disk/own-entries',
    'if (poke) for (const entry of',
    'if (!this) for (const entry of',
    RANDOM,
  ),
  broken(
    'a small request overtakes a large one that waits',
    'line/queue',
    'return this.#firstWaiting === null && this.#hasRoomFor(ask);',
    'return this.#hasRoomFor(ask);',
    RANDOM,
  ),
  broken(
    'one permit too many is given',
    'line/queue',
    'return this.#held + weightOf(ask) <= this.#capacity;',
    'return this.#held < this.#capacity;',
    RANDOM,
  ),
  broken(
    'a token does not grow past a thief’s',
    'line/tickets',
    'this.#lastToken = ticket > this.#lastToken ? ticket : ++this.#last;',
    'this.#lastToken = ticket;',
    RANDOM,
  ),
  broken(
    'a thief’s victims stay in line',
    'line/line',
    '    for (const victim of victims) this.#queue.remove(victim);\n',
    '',
    RANDOM,
  ),
  broken(
    'a header forgets the last token',
    'line/line',
    'last, token, value: this.value',
    'last, token: Math.max(0, ...entries.map((entry) => Number(entry[6]))), value: this.value',
    unit('line/line-header', 'a token that has left the line is not given again after a rotation'),
  ),
  broken(
    'a header forgets what waiters keep',
    'line/entry',
    '    ...(held.length > 0 || waits > 0 ? [keptToWire(held), waits] : []),\n',
    '',
    RANDOM,
  ),
  broken(
    'a leave ends whoever is first in line',
    'line/line',
    'const entry = this.find(record[2] as number);',
    'const entry = this.first;',
    RANDOM,
  ),
  broken(
    'a holder does not hear that its entry was ended',
    'disk/own-entries',
    'for (const { entry, eviction } of evicted) this.#lose(this.#byTicket.get(entry.ticket), eviction);',
    '',
    RANDOM,
  ),
  broken(
    'a holder whose entry a rotation no longer has does not hear of it',
    'disk/own-entries',
    "this.#lose(own, { reason: 'it is no longer in the line', by: 'unknown' });",
    '',
    RANDOM,
  ),
  broken('a death does not break a barrier', 'line/line', 'else this.#gate?.missed(', 'else String(', RANDOM),
  broken(
    'a barrier lets in one too few',
    'line/gate',
    'this.#waiters.count === this.#parties;',
    'this.#waiters.count >= this.#parties - 1;',
    RANDOM,
  ),
  broken(
    'the wake-up of one who died is lost',
    'line/line',
    'if (holding) this.#gate?.wasted();',
    'if (holding) return;',
    {
      file: 'test/line/gate.test.ts',
      test: 'the fold agrees with the reference model on gates, thefts and tokens, after every record',
    },
  ),
  broken(
    'a set lets nobody in who waited before it',
    'line/gate',
    'return this.#waiters.admit(Number.POSITIVE_INFINITY);',
    'return 0;',
    RANDOM,
  ),
  broken(
    'an addition counts twice',
    'line/gate',
    'const sum = this.#value + by;',
    'const sum = this.#value + by * 2;',
    RANDOM,
  ),
  broken(
    'who has joined does not hear of it if the dead before it cannot be evicted',
    'disk/disk-resource',
    'this.expelDeadBefore(entry);',
    'this.expelDead(entry);',
    unit(
      'disk/disk-resource',
      'who joins the line is in it for its caller too, though the dead before it cannot be evicted',
    ),
  ),
  broken(
    'a run is lost with its `lockstep job`, though its command goes on',
    'jobs/run-log',
    'const isLost = isJobGone && !isCommandThere;',
    'const isLost = isJobGone;',
    unit('jobs/run-log', 'is running, and orphaned, if only its command is there'),
  ),
  broken(
    'a run that ends while it is looked at is lost',
    'jobs/run-log',
    "return this.#observed(again && 'run' in again ? again.run : run, true);",
    'return this.#observed(run, true);',
    unit('jobs/run-log', 'is an end, not a loss, if the end is written while the reader looks'),
  ),
  broken('a sweep forgets the last success', 'jobs/retention', 'place || isNewestSuccess ||', 'place ||', {
    file: 'test/faults/run-record.test.ts',
    test: 'whichever call goes wrong in a sweep',
  }),
  broken(
    'a run that gave up is no failure',
    'jobs/health',
    " || ended?.outcome === 'gave-up';",
    ';',
    unit('jobs/health', 'is a job whose newest run gave-up'),
  ),
  broken(
    'a success of the future puts off that a job is late',
    'jobs/health',
    'this.#now + CLOCK_SLACK_MS',
    'Number.POSITIVE_INFINITY',
    unit('jobs/health', 'is not put off by a success of the future: the clock was set back since'),
  ),
  broken(
    'a run that keeps others out is never stuck',
    'jobs/stuck',
    'return now - since > limit;',
    'return now < since && limit > 0;',
    unit('jobs/health', 'is stuck after five times the longest of the last successes, not before'),
  ),
  broken(
    'a run that is in nobody’s way is stuck',
    'jobs/stuck',
    'return job.keepsOthersOut && isBlocking',
    'return isBlocking',
    unit('jobs/health', 'is not stuck while it keeps nobody out'),
  ),
  broken(
    'only the skips that are kept count',
    'jobs/skip-count',
    'this.#counted + Math.max(1, count)',
    'this.#counted + Math.min(1, count)',
    unit('jobs/health', 'are counted back to the last run that got its turn'),
  ),
  broken(
    'a crontab is due by the clocks of the one who checks',
    'jobs/schedule',
    'zone === null ? {} : { timezone: zone }',
    'zone === null ? {} : {}',
    unit('jobs/schedule', 'is the one whose clocks a crontab counts by'),
  ),
  broken(
    'every day has 24 hours',
    'jobs/interval',
    'everyMs < LEAST_MS ? 0 :',
    'everyMs > 0 ? 0 :',
    unit('jobs/interval', 'an interval over the day on which it ends'),
  ),
  broken(
    'a run that begins while its job is forgotten is not recorded',
    'jobs/record-writer',
    'round === MAX_ROUNDS',
    'round <= MAX_ROUNDS',
    unit('jobs/job-records', 'a run whose directory is removed while it writes its record makes it again'),
  ),
  broken(
    'forgetting a job removes a record that came since',
    'jobs/job-records',
    'const own = this.#files.filter(',
    'const own = recordsIn(filesIn(this.#host, this.#directory)).filter(',
    unit('jobs/job-records', 'a run that begins after the records were listed keeps its own'),
  ),
  broken(
    'a short write is believed',
    'file/write-all',
    'rest.subarray(written)',
    'rest.subarray(rest.length)',
    documents('a write that takes less than it was given'),
  ),
  broken(
    'a file is replaced without a last look at it',
    'file/document',
    '      this.#assertUnchanged();\n',
    '',
    documents('the last look before the replacement finds'),
  ),
  broken(
    'a flow keeps what it holds also from waits that it does not await',
    'primitives/flow',
    'ending.has(this.#end.name)',
    'true',
    unit('primitives/shared-object', 'tasks that share one LockManager meet only as their modes allow'),
  ),
  broken(
    'any task may wait at a condition with the lease of another',
    'primitives/condition',
    '(one.flow === flow ?',
    '(true ?',
    unit('primitives/shared-object', 'tasks that share one Condition have its lock one at a time'),
  ),
  broken(
    'a lease is held while a wait has given its entry back',
    'primitives/shared-entry',
    "return this.#pause === null && this.#current.state === 'holding';",
    "return this.#current.state === 'holding';",
    unit('primitives/shared-object', 'tasks that share one Condition have its lock one at a time'),
  ),
  broken(
    'a record has the time of a clock that is set beyond what it can have',
    'journal/record',
    'return Math.min(Math.max(wallMicros, 0), LATEST_MICROS);',
    'return wallMicros;',
    unit('disk/disk-resource', 'a process whose clock is set'),
  ),
  broken(
    'a file is replaced without a last look at the lease',
    'primitives/json-file',
    'beforeRename: () => lease.assertHeld()',
    'beforeRename: async () => undefined',
    unit('primitives/json-file', 'the lease is lost meanwhile'),
  ),
  broken(
    'what killed writers left beside a file stays',
    'file/temporary-file',
    'names)) removeQuietly(host, directory.at(name));\n}\n\n/**\n * The same',
    'names)) void name;\n}\n\n/**\n * The same',
    documents('what killed writers left is removed by the next holder; what only looks like it stays'),
  ),
  broken(
    'a file without attributes is believed to stay so',
    'file/attributes',
    '=== facts.changedNs;',
    '!== undefined;',
    documents('that come later, after replacements that found none, are kept as well'),
  ),
  broken(
    'whatever a callback returns becomes the file',
    'primitives/json-file',
    'isDocumentLike(edit, value, returned) ? returned : value',
    'returned',
    unit(
      'primitives/json-file',
      'what the function returns is not taken for a new document, and the file stays, where',
    ),
  ),
  broken(
    'numbers that JavaScript cannot tell apart are taken for each other',
    'file/json-edit',
    'isInPlace || !this.#lossy.hasTwin(member) ?',
    'isInPlace || true ?',
    { file: 'test/file/json-edit.test.ts', test: 'numbers that JavaScript cannot tell apart' },
  ),
];
