// The agreed strings with which a postmaster tries out whether anything looks at mail at all.
// Written in hex: whole, they would make a virus scanner take this file away.

rule eicar_test_file {
    meta:
        author = "sluss"
        description = "The EICAR test file"
        severity = "malware"
        reference = "https://www.eicar.org/download-anti-malware-testfile/"
    strings:
        $eicar = { 58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 29 37 7D 24 45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D 54 45 53 54 2D 46 49 4C 45 21 24 48 2B 48 2A }
    condition:
        // The specification: the string first, then at most white space, 128 bytes in all.
        filesize <= 128 and $eicar at 0
}

rule eicar_test_string {
    meta:
        author = "sluss"
        description = "The EICAR test string inside something else"
        severity = "suspicious"
        reference = "https://www.eicar.org/download-anti-malware-testfile/"
    strings:
        $eicar = { 58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 29 37 7D 24 45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D 54 45 53 54 2D 46 49 4C 45 21 24 48 2B 48 2A }
    condition:
        filesize < 1MB and $eicar and not (filesize <= 128 and $eicar at 0)
}

rule gtube {
    meta:
        author = "sluss"
        description = "The GTUBE test string: this mail asks to be treated as spam"
        severity = "info"
        reference = "https://spamassassin.apache.org/gtube/"
    strings:
        $gtube = { 58 4A 53 2A 43 34 4A 44 42 51 41 44 4E 31 2E 4E 53 42 4E 33 2A 32 49 44 4E 45 4E 2A 47 54 55 42 45 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 2D 55 42 45 2D 54 45 53 54 2D 45 4D 41 49 4C 2A 43 2E 33 34 58 }
    condition:
        filesize < 1MB and $gtube
}
