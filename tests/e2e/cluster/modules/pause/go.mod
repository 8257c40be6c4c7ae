module headwater.test/pause

go 1.25.0
