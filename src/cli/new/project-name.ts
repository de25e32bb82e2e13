import { usageFailure } from '../failure.ts';

/** A project's name in each of the forms that its files need. */
export interface ProjectNames {
  /** `my-shop`: the folder, the package, the Kubernetes objects. */
  readonly kebab: string;
  /** `my_shop`: the Protobuf package and its folder. */
  readonly snake: string;
  /** `MyShop`: the service. */
  readonly pascal: string;
  /** `myShop`: values in code. */
  readonly camel: string;
  /** `MY_SHOP`: variables of the environment. */
  readonly upper: string;
}

/** As long as a name in DNS may be, which Kubernetes makes of it. */
const MAX_LENGTH = 63;

const VALID = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;

/**
 * Throws a usage failure for a name that is not valid everywhere it goes: as a package of npm and of
 * Protobuf, as a service in code and in Kubernetes. `taken` are the packages the project depends on.
 */
export function projectNames(name: string, taken: readonly string[]): ProjectNames {
  if (!VALID.test(name) || name.length > MAX_LENGTH) {
    const rule = `small letters, digits and single hyphens, a letter first, ${MAX_LENGTH} at most`;
    throw usageFailure(
      `'${name}' cannot be the name of a project: it takes ${rule}`,
      hintFor(name),
    );
  }
  if (taken.includes(name)) {
    throw usageFailure(
      `'${name}' is a package that the project depends on, so it cannot be called that`,
      `Try: inboard new my-${name}`,
    );
  }
  const words = name.split('-');
  const pascal = words.map(capitalized).join('');
  return {
    kebab: name,
    snake: words.join('_'),
    pascal,
    camel: pascal.charAt(0).toLowerCase() + pascal.slice(1),
    upper: words.join('_').toUpperCase(),
  };
}

/** Every form of the template's own name, which is `project-name`. */
const PLACEHOLDER = /project-name|project_name|ProjectName|projectName|PROJECT_NAME/g;

/** The text of the template with the project's name in place of its own. */
export function rename(text: string, names: ProjectNames): string {
  const forms: Readonly<Record<string, string>> = {
    'project-name': names.kebab,
    project_name: names.snake,
    ProjectName: names.pascal,
    projectName: names.camel,
    PROJECT_NAME: names.upper,
  };
  return text.replaceAll(PLACEHOLDER, (form) => forms[form] ?? form);
}

function hintFor(name: string): string {
  if (/[/\\]/.test(name))
    return 'Go to the folder that it is to stand in, and give its name alone.';
  const close = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[-0-9]+/, '')
    .slice(0, MAX_LENGTH)
    .replace(/-$/, '');
  return `Try: inboard new ${VALID.test(close) ? close : 'shop'}`;
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
