module runstate.example/oracle

go 1.19
