"""Files of other makes, each read as rows with canonical columns: one module a make."""
