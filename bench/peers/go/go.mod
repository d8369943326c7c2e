module measure-go

go 1.19
