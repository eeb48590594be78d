"""Level-0 learners behind one interface."""
