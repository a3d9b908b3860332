import type { CommandModule } from 'yargs';
import type { CompletionArguments } from './completion.ts';

export const completion: CommandModule<object, CompletionArguments> = {
  command: 'completion [shell]',
  describe: 'Print what makes a shell complete the words of lockstep',
  builder: (argv) =>
    argv
      .usage(
        '$0 completion bash|zsh|fish\n\nPrints a script. With it, TAB completes verbs, options, the names in the store, and behind -- the words of the command.\n\nbash, in ~/.bashrc:\n  source <(lockstep completion bash)\nor for everybody:\n  lockstep completion bash > /usr/share/bash-completion/completions/lockstep\nzsh, into a directory of $fpath:\n  lockstep completion zsh > ~/.zfunc/_lockstep\nwith this in ~/.zshrc:\n  fpath+=(~/.zfunc); autoload -Uz compinit; compinit\nfish:\n  lockstep completion fish > ~/.config/fish/completions/lockstep.fish\n\nBehind -- the scripts give the words typed so far, and get what may come next.',
      )
      .positional('shell', { choices: ['bash', 'zsh', 'fish'], describe: 'For which shell' })
      .example('source <($0 completion bash)', 'complete in this shell, from now on')
      .example('$0 completion fish > ~/.config/fish/completions/lockstep.fish', 'complete in every fish') as never,
  handler: async (args) => (await import('./completion.ts')).complete(args),
};
