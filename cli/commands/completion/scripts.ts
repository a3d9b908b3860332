/**
 * The completion scripts. They call `lockstep completion SHELL -- …`, which prints the kind of the next word on the first
 * line, then one candidate a line. They never evaluate its output: no `eval`, no `compgen -W`.
 */

const BASH = String.raw`# bash completion of lockstep: source <(lockstep completion bash)
_lockstep() {
    local expected='' line at
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ -z $expected ]]; then expected=$line; else COMPREPLY+=("$line"); fi
    done < <(lockstep completion bash -- "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null </dev/null)
    case $expected in
        files) compopt -o default ;;
        directories) compopt -o dirnames ;;
        command)
            for ((at = 1; at < COMP_CWORD; at++)); do
                [[ \${COMP_WORDS[at]} == -- ]] && break
            done
            if declare -F _comp_command_offset >/dev/null; then
                _comp_command_offset $((at + 1))
            elif declare -F _command_offset >/dev/null; then
                _command_offset $((at + 1))
            else
                compopt -o default
                ((COMP_CWORD == at + 1)) && mapfile -t COMPREPLY < <(compgen -c -- "\${COMP_WORDS[COMP_CWORD]}")
            fi
            ;;
    esac
}
complete -F _lockstep lockstep
`;

const ZSH = String.raw`#compdef lockstep
# zsh completion of lockstep: lockstep completion zsh > ~/.zfunc/_lockstep, with ~/.zfunc in fpath before compinit
_lockstep() {
    local -a answer values displays
    local line value at
    answer=("\${(@f)$(lockstep completion zsh -- "\${(@Q)words[1,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    case $answer[1] in
        words)
            for line in "\${(@)answer[2,-1]}"; do
                value=\${line%%$'\t'*}
                values+=("$value")
                if [[ $line == *$'\t'?* ]]; then displays+=("$value  -- \${line#*$'\t'}"); else displays+=("$value"); fi
            done
            compadd -l -d displays -a values
            ;;
        files)
            compset -P '--*='
            _files
            ;;
        directories)
            compset -P '--*='
            _files -/
            ;;
        command)
            at=\${words[(ie)--]}
            shift $at words
            ((CURRENT -= at))
            _normal
            ;;
    esac
}
if [[ $funcstack[1] == _lockstep ]]; then
    _lockstep "$@"
else
    compdef _lockstep lockstep
fi
`;

const FISH = String.raw`# fish completion of lockstep: lockstep completion fish > ~/.config/fish/completions/lockstep.fish
function __lockstep_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (lockstep completion fish -- $words "$current" 2>/dev/null </dev/null)
    set -l expected $answer[1]
    set -e answer[1]
    set -l before (string match -r -- '^--[^=]*=' "$current")
    set -l value (string sub -s (math (string length -- "$before") + 1) -- "$current")
    switch "$expected"
        case words
            test (count $answer) -gt 0; and printf '%s\n' $answer
        case files
            set -l files (__fish_complete_path "$value")
            test (count $files) -gt 0; and printf '%s\n' "$before"$files
        case directories
            set -l files (__fish_complete_directories "$value" directory)
            test (count $files) -gt 0; and printf '%s\n' "$before"$files
        case command
            set -e words[1..(contains -i -- -- $words)]
            complete -C (string join ' ' -- (string escape -- $words) "$current")
    end
end
complete -c lockstep -e
complete -c lockstep -f -a '(__lockstep_complete)'
`;

// In a template literal `${` must be escaped; in the script it must not be.
export const SCRIPTS = Object.fromEntries(
  Object.entries({ bash: BASH, zsh: ZSH, fish: FISH }).map(([shell, script]) => [
    shell,
    script.replaceAll('\\${', '${'),
  ]),
) as Record<'bash' | 'zsh' | 'fish', string>;
