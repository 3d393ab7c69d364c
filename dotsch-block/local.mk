# dotsch-block
