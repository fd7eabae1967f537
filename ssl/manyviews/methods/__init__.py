"""One file per method; `conf/method/<name>.yaml` names its constructor."""
