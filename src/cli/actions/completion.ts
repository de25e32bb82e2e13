import type { Command } from 'commander';

/** A command as a shell completes it. */
interface Words {
  readonly name: string;
  readonly description: string;
  /** `--target`, `-t`, …; and the choices of arguments. */
  readonly options: readonly { readonly flag: string; readonly description: string }[];
  readonly choices: readonly string[];
}

type Shell = 'bash' | 'zsh' | 'fish';

/** The script that completes the program's commands and options in a shell. */
export function completionScript(program: Command, shell: Shell): string {
  const commands = program.commands.map(wordsOf);
  return { bash, zsh, fish }[shell](commands);
}

function wordsOf(command: Command): Words {
  const options = command.createHelp().visibleOptions(command);
  return {
    name: command.name(),
    description: command.description(),
    options: options.flatMap(({ short, long, description }) =>
      [short, long].flatMap((flag) => (flag === undefined ? [] : [{ flag, description }])),
    ),
    choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  };
}

/** Words for after a command; files are completed where none of them fits. */
function bash(commands: readonly Words[]): string {
  const cases = commands.map(
    ({ name, options, choices }) =>
      `    ${name}) words='${[...choices, ...options.map(({ flag }) => flag)].join(' ')}' ;;`,
  );
  return `# bash completion of inboard
_inboard() {
  local word=\${COMP_WORDS[COMP_CWORD]} words
  case \${COMP_CWORD}:\${COMP_WORDS[1]} in
    1:*) words='${commands.map(({ name }) => name).join(' ')} help --help --version' ;;
  *) case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _inboard inboard`;
}

function zsh(commands: readonly Words[]): string {
  const names = commands.map(({ name, description }) => `    ${quote(`${name}:${description}`)}`);
  const cases = commands.map(({ name, options, choices }) => {
    const words = options.map(({ flag, description }) => quote(`${flag}:${description}`));
    return `    ${name}) words=(${[...choices.map(quote), ...words].join(' ')}) ;;`;
  });
  return `#compdef inboard
_inboard() {
  local -a words_of_inboard=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command words_of_inboard
    return
  fi
  local command=$words[2]
  local -a words
  case $command in
${cases.join('\n')}
  esac
  _describe option words
  _files
}
compdef _inboard inboard`;
}

function fish(commands: readonly Words[]): string {
  const lines = commands.flatMap(({ name, description, options, choices }) => [
    `complete -c inboard -n __fish_use_subcommand -f -a ${name} -d ${quote(description)}`,
    ...choices.map((choice) => `${under(name)} -f -a ${choice}`),
    ...options.map(({ flag, description: about }) => {
      const kind = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
      return `${under(name)} ${kind} -d ${quote(about)}`;
    }),
  ]);
  return ['# fish completion of inboard', ...lines].join('\n');
}

function under(name: string): string {
  return `complete -c inboard -n '__fish_seen_subcommand_from ${name}'`;
}

/** For a shell: in single quotes, which end around one of the text's own. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
