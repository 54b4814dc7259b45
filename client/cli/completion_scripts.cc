#include "client/cli/completion.h"

namespace authstate::cli {

// Bash splits the line also at the characters of COMP_WORDBREAKS, of which `:`, `@` and `=` may stand in a session id
// or an option. So the line is split here at blanks alone, and what bash takes for done is cut off the answers.
const absl::string_view kBashCompletion = R"script(# bash completion of authstatectl; put into ~/.bashrc:
#   source <(authstatectl completion bash)
_authstatectl() {
  local line=${COMP_LINE:0:COMP_POINT} current= done= breaks= paths=
  local -a words candidates
  read -ra words <<< "$line"
  if [[ $line == *[[:space:]] ]]; then
    words+=("")
  fi
  current=${words[${#words[@]}-1]}
  mapfile -t candidates < <("${words[0]}" __complete "${words[@]:1}" 2> /dev/null)
  case ${candidates[0]-} in
    :folders) paths=-d ;;
    :files) paths=-f ;;
  esac
  if [[ $paths ]]; then
    mapfile -t COMPREPLY < <(compgen "$paths" -- "$current")
    compopt -o filenames 2> /dev/null
    return
  fi
  for breaks in : @ =; do
    if [[ $COMP_WORDBREAKS == *"$breaks"* && $current == *"$breaks"* ]]; then
      local upto=${current%"${current##*"$breaks"}"}
      if (( ${#upto} > ${#done} )); then
        done=$upto
      fi
    fi
  done
  COMPREPLY=("${candidates[@]#"$done"}")
}
complete -F _authstatectl authstatectl
)script";

const absl::string_view kZshCompletion = R"script(#compdef authstatectl
# zsh completion of authstatectl; put into ~/.zshrc, after compinit:
#   source <(authstatectl completion zsh)
_authstatectl() {
  local -a candidates
  candidates=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2> /dev/null)}")
  if [[ ${candidates[1]} == :folders ]]; then
    _files -/
  elif [[ ${candidates[1]} == :files ]]; then
    _files
  elif [[ -n ${candidates[1]} ]]; then
    compadd -- "${candidates[@]}"
  fi
}
compdef _authstatectl authstatectl
)script";

}  // namespace authstate::cli
