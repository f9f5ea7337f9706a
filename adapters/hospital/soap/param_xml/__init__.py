"""Style `param-xml`: one SOAP 1.1 operation whose one parameter is a text holding a national transaction."""
