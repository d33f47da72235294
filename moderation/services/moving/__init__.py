"""Moving in and out: other systems' exports read as records, records stored, comments written out."""
