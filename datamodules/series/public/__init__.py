"""Series data sets by name: public ones and a synthetic one."""
