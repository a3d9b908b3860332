import { createRequire } from 'node:module';
import path from 'node:path';

// Run by `npm exec --package=typescript@…`, which puts that version's commands first: prints the errors of `main.ts` and `main.cts` in the working directory
// under every kind of resolution, with and without the types of Node. One process, since reading TypeScript's own libraries takes longest.

const [commands = ''] = (process.env.PATH ?? '').split(path.delimiter);
const ts = createRequire(path.join(commands, '../typescript/'))('typescript');

const { ESNext, Node16, NodeNext } = ts.ModuleKind;
const KINDS = {
  node16: { module: Node16, moduleResolution: ts.ModuleResolutionKind.Node16 },
  nodenext: { module: NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  bundler: { module: ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
};
const STRICT = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true };
const libraries = new Map();

/** TypeScript's own libraries and Node's types: all programs have them, and checking them takes longest. */
function isForeign(file) {
  return path.basename(file).startsWith('lib.') || /\/(@types|undici-types)\//.test(file);
}

/** The errors of the program, as texts. */
function errorsOf(kind, types) {
  const lib = ['lib.es2022.d.ts'];
  const options = { ...STRICT, ...KINDS[kind], target: ts.ScriptTarget.ES2022, lib, types };
  const host = ts.createCompilerHost(options);
  const parse = host.getSourceFile.bind(host);
  host.getSourceFile = (file, ...rest) => {
    const isLibrary = isForeign(file);
    const key = `${kind} ${file}`;
    if (isLibrary && !libraries.has(key)) libraries.set(key, parse(file, ...rest));
    return isLibrary ? libraries.get(key) : parse(file, ...rest);
  };
  const program = ts.createProgram({ rootNames: ['main.ts', 'main.cts'], options, host });
  const own = program.getSourceFiles().filter((file) => !isForeign(file.fileName));
  const found = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  for (const file of own) found.push(...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file));
  return found.map(({ messageText, file, start }) => {
    const line = file ? `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1}: ` : '';
    return line + ts.flattenDiagnosticMessageText(messageText, '\n');
  });
}

const errors = {};
for (const kind of Object.keys(KINDS))
  for (const types of [[], ['node']]) errors[`${kind}, types: [${types}]`] = errorsOf(kind, types);
console.log(JSON.stringify({ version: ts.version, errors }));
