// A plugin of TypeDoc for the API reference: what each call throws, and an order in which a reader finds things.

const CATEGORIES = {
  Locks: ['Lock', 'RLock', 'RWLock', 'Semaphore', 'BoundedSemaphore', 'LockManager', 'locks', 'Lease', 'Owner'],
  'Signals, numbers and queues': ['Event', 'Barrier', 'Condition', 'Counter', 'Queue', 'QueueItem'],
  Files: ['JsonFile'],
  'Processes and heartbeats': ['Process', 'map', 'heartbeat'],
};
const REST = 'Stores and the rest';
/** The numbers of kinds in TypeDoc: an interface, a type alias. */
const DESCRIPTIONS = [256, 2_097_152];

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on('resolveBegin', (context) => {
    for (const reflection of Object.values(context.project.reflections)) {
      showTypes(reflection.comment);
      for (const { comment } of reflection.signatures ?? []) showTypes(comment);
    }
    for (const entry of context.project.children ?? []) for (const one of entry.children ?? []) categorise(one);
  });
}

/** Of `@throws {MisuseError} for a bad name` TypeDoc itself would show the type in the heading, behind "Throws". */
function showTypes(comment) {
  for (const tag of comment?.blockTags ?? []) {
    const type = tag.typeAnnotation?.replace(/^\{(.*)\}$/s, '$1');
    if (tag.tag !== '@throws' || !type) continue;
    delete tag.typeAnnotation;
    tag.content.unshift({ kind: 'code', text: `\`${type}\`` }, { kind: 'text', text: ' ' });
  }
}

/** What one calls or makes is before what describes it: options, and what is returned. */
function categorise(reflection) {
  const comment = reflection.comment ?? reflection.signatures?.[0]?.comment;
  if (!comment || comment.hasModifier('@internal')) return;
  if (DESCRIPTIONS.includes(reflection.kind)) return;
  const [named] = Object.entries(CATEGORIES).find(([, names]) => names.includes(reflection.name)) ?? [];
  const category = named ?? (reflection.name.endsWith('Error') ? 'Errors' : REST);
  comment.blockTags.push(new CommentTag(category));
}

/** As TypeDoc's own class, which a plugin cannot import where `npm exec` has fetched TypeDoc. */
class CommentTag {
  tag = '@category';
  skipRendering = true;
  #category;

  constructor(category) {
    this.#category = category;
    this.content = [{ kind: 'text', text: category }];
  }

  clone() {
    return new CommentTag(this.#category);
  }

  toObject() {
    return { tag: this.tag, content: this.content };
  }
}
