"""Files of saved trees, checked whole before a native parser sees them: those parsers crash or hang on damaged ones."""
