import type { CommandModule } from 'yargs';
import type { CompletionArguments } from './completion.ts';

export const completion: CommandModule<object, CompletionArguments> = {
  command: 'completion <shell>',
  describe: 'Print a completion script for a shell',
  builder: (argv) =>
    argv
      .usage(
        '$0 completion bash|zsh|fish\n\nPrints a script with which TAB completes verbs, options, names in the store, and the words of the command behind --.\n\nbash, in ~/.bashrc:\n  source <(lockstep completion bash)\nor for all users:\n  lockstep completion bash > /usr/share/bash-completion/completions/lockstep\nzsh, into a directory of $fpath:\n  lockstep completion zsh > ~/.zfunc/_lockstep\nwith this in ~/.zshrc:\n  fpath+=(~/.zfunc); autoload -Uz compinit; compinit\nfish:\n  lockstep completion fish > ~/.config/fish/completions/lockstep.fish\n\nThe scripts call this verb with the words typed so far behind --, and get the possible next words.',
      )
      .positional('shell', { choices: ['bash', 'zsh', 'fish'], describe: 'The shell' })
      .example('source <($0 completion bash)', 'complete in the current shell')
      .example('$0 completion fish > ~/.config/fish/completions/lockstep.fish', 'complete in all fish shells') as never,
  handler: async (args) => (await import('./completion.ts')).complete(args),
};
