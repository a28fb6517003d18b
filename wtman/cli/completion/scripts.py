"""The completion script of each shell: they ask wtman itself, and add files where it says so.

Pure. `git wtman` is completed, too, where the shell completes git.
"""

BASH = r"""# Completion of wtman and of `git wtman` for bash.
_wtman() {
    local program=wtman extra=words line
    [[ $1 == */* && -x $1 ]] && program=$1
    COMPREPLY=()
    {
        IFS= read -r extra
        while IFS= read -r line; do COMPREPLY+=("$line"); done
    } < <("$program" __complete bash "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    case $extra in
        files | dirs)
            local cur=${COMP_WORDS[COMP_CWORD]} kind=-f
            [[ $extra == dirs ]] && kind=-d
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$kind" -- "$cur")
            compopt -o filenames +o nospace 2>/dev/null
            ;;
    esac
    return 0
}
_git_wtman() { _wtman; }
complete -o nospace -F _wtman wtman git-wtman
"""

ZSH = r"""#compdef wtman git-wtman
# Completion of wtman and of `git wtman` for zsh.
_wtman() {
    local -a answer whole open
    local line word about
    answer=("${(@f)$(command wtman __complete zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    for line in "${(@)answer[2,-1]}"; do
        word=${line%%$'\t'*} about=${${line#$word}#$'\t'}
        # What ends so goes on: no space follows it.
        case $word in
            *[=:]) open+=("${word//:/\\:}${about:+:$about}") ;;
            *) whole+=("${word//:/\\:}${about:+:$about}") ;;
        esac
    done
    (( $#whole )) && _describe -V -t wtman wtman whole
    (( $#open )) && _describe -V -t wtman-open wtman open -S ''
    case $answer[1] in
        files) _files ;;
        dirs) _files -/ ;;
    esac
}
_git-wtman() { _wtman "$@"; }
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _wtman "$@"
else
    compdef _wtman wtman git-wtman
fi
"""

FISH = r"""# Completion of wtman and of `git wtman` for fish.
function __wtman_complete
    set -l words (commandline -opc)
    set -l answer (wtman __complete fish $words[2..-1] (commandline -ct) 2>/dev/null)
    test (count $answer) -gt 1; and printf '%s\n' $answer[2..-1]
    switch "$answer[1]"
        case files
            __fish_complete_path (commandline -ct)
        case dirs
            __fish_complete_directories (commandline -ct)
    end
end
for program in wtman git-wtman
    complete -c $program -f -k -a '(__wtman_complete)'
end
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
