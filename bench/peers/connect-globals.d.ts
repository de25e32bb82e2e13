// Connect's declarations name this type of the DOM, which Node's own declarations leave out.
type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;
