"""`make run`: a member to look at, with the book's etcd section played against it."""
