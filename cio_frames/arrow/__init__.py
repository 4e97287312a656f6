"""Any frame's columns as Arrow arrays, and what pyarrow lacks."""
