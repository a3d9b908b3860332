type Ask = (words: [string, ...string[]]) => Promise<unknown>;

/** Returns, in words, what a Redis could lose. A managed one may keep its configuration to itself: the answer of `INFO` is enough then. */
export async function redisRisks(ask: Ask): Promise<string[]> {
  const info = infoOf(String(await ask(['INFO', 'persistence']))).concat(
    infoOf(String(await ask(['INFO', 'memory']))),
    infoOf(String(await ask(['INFO', 'replication']))),
  );
  const facts = new Map(info);
  const fsync = await configOf(ask, 'appendfsync');
  const risks: string[] = [];
  if (facts.get('aof_enabled') !== '1')
    risks.push('appendonly is no: after a crash all since the last snapshot is lost. Set appendonly yes.');
  else if (fsync === null)
    risks.push('appendfsync could not be read: unless it is always, a crash can lose the last second of sales.');
  else if (fsync !== 'always')
    risks.push(`appendfsync is ${fsync}: a crash can lose the last second of sales, or more. Set appendfsync always.`);
  if (facts.get('aof_last_write_status') === 'err')
    risks.push('its log cannot be written (aof_last_write_status is err).');
  const policy = facts.get('maxmemory_policy') ?? 'unknown';
  const limit = Number(facts.get('maxmemory') ?? 0);
  if (policy.startsWith('allkeys'))
    risks.push(
      `maxmemory-policy is ${policy}: ${limit > 0 ? 'it' : 'once there is a limit (maxmemory), it'} may evict counts. Set maxmemory-policy noeviction.`,
    );
  if (facts.get('role') === 'slave') risks.push('it is a replica: it takes no sales. Name the master.');
  if (Number(facts.get('connected_slaves') ?? 0) > 0)
    risks.push('it has replicas: a failover can lose the last sales, which is found out, and repaired by a rebuild.');
  return risks;
}

function infoOf(text: string): Array<[string, string]> {
  return text
    .split('\r\n')
    .filter((line) => line.includes(':'))
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]);
}

async function configOf(ask: Ask, name: string): Promise<string | null> {
  try {
    const [, value] = (await ask(['CONFIG', 'GET', name])) as string[];
    return value ?? null;
  } catch {
    return null;
  }
}
