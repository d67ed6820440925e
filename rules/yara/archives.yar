// Archives and disk images, by the names in them. Their members are scanned as files of their own.
// What is looked for in a zip is its list of names at the end: `PK 01 02`, 42 bytes of which some are
// known (version, lengths, disk number 0: without them a file full of `PK 01 02` would cost seconds), the name.

rule zip_program_named_as_document {
    meta:
        author = "sluss"
        description = "A zip with a program or script that bears a document's name"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1036/007/"
    strings:
        $a = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}[^\x00]{1,160}\.(pdf|docx?|xlsx?|xlsm|pptx?|rtf|txt|csv|jpe?g|png|gif|bmp|mp[34]|html?|xml|odt|ods|eml|msg|zip)[ _]{0,120}\.(exe|scr|pif|com|bat|cmd|jse|vbs|vbe|wsf|wsh|hta|lnk|cpl)([^a-z0-9._ -]|PK|UT|UX|UP|UC)/is
        $b = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}[^\x00]{1,160}\.(pdf|docx?|xlsx?|pptx?)[ _]{0,120}\.(js|ps1|msi|jar)([^a-z0-9._ -]|PK|UT|UX|UP|UC)/is
    condition:
        uint16(0) == 0x4B50 and any of them
}

rule zip_program_behind_spaces {
    meta:
        author = "sluss"
        description = "A zip with a program whose ending is pushed out of sight"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1036/007/"
    strings:
        $a = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}[^\x00]{1,160}[ _]{20,160}\.(exe|scr|pif|com|bat|cmd|js|jse|vbs|vbe|wsf|wsh|hta|lnk|ps1|cpl|msi|jar|url|iso|img)([^a-z0-9._ -]|PK|UT|UX|UP|UC)/is
    condition:
        uint16(0) == 0x4B50 and $a
}

rule zip_program_reversed_name {
    meta:
        author = "sluss"
        description = "A zip with a program whose name is written from right to left"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1036/002/"
    strings:
        $a = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}[^\x00]{0,160}\xE2\x80\xAE[^\x00]{1,80}\.(exe|scr|pif|com|bat|cmd|js|jse|vbs|vbe|wsf|wsh|hta|lnk|ps1|cpl|msi|jar|url|iso|img)([^a-z0-9._ -]|PK|UT|UX|UP|UC)/is
    condition:
        uint16(0) == 0x4B50 and $a
}

rule zip_locked_program {
    meta:
        author = "sluss"
        description = "A zip with a password and a program in it"
        severity = "info"
        reference = "https://attack.mitre.org/techniques/T1027/013/"
    strings:
        $a = /PK\x01\x02..[\x00-\x3f][\x00-\x14][\x01\x03\x05\x07\x09\x0b\x0d\x0f].{19}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}[^\x00]{1,200}\.(exe|scr|pif|com|bat|cmd|js|jse|vbs|vbe|wsf|wsh|hta|lnk|ps1|cpl|msi|jar|url|iso|img)([^a-z0-9._ -]|PK|UT|UX|UP|UC)/is
    condition:
        uint16(0) == 0x4B50 and $a
}

rule zip_screen_saver {
    meta:
        author = "sluss"
        description = "A zip with a program of an ending that nobody uses honestly"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1218/002/"
    strings:
        $a = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}[^\x00]{1,200}\.(scr|pif|cpl|jse|vbe|wsh|hta|settingcontent-ms|library-ms|search-ms|searchConnector-ms|appref-ms|msc|sct)([^a-z0-9._ -]|PK|UT|UX|UP|UC)/is
    condition:
        uint16(0) == 0x4B50 and $a
}

rule zip_winrar_twin_folder {
    meta:
        author = "sluss"
        description = "A zip with a document and a folder of the same name that holds a script"
        severity = "malware"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2023-38831"
    strings:
        $a = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}[^\x00]{1,160}\.(pdf|docx?|xlsx?|xlsm|pptx?|rtf|txt|csv|jpe?g|png|gif|bmp|mp[34]|html?|xml|odt|ods|eml|msg|zip) \/[^\x00\/]{1,160}\.(pdf|docx?|xlsx?|xlsm|pptx?|rtf|txt|csv|jpe?g|png|gif|bmp|mp[34]|html?|xml|odt|ods|eml|msg|zip) \.(exe|scr|pif|com|bat|cmd|js|jse|vbs|vbe|wsf|wsh|hta|lnk|ps1|cpl|msi|jar|url|iso|img)/is
    condition:
        uint16(0) == 0x4B50 and $a
}

rule zip_path_escape {
    meta:
        author = "sluss"
        description = "A zip that writes outside the folder it is unpacked in"
        severity = "suspicious"
        reference = "https://cwe.mitre.org/data/definitions/22.html"
    strings:
        $a = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}([^\x00]{0,100}[\/\\])?\.\.[\/\\]\.\.[\/\\][^\x00]{1,100}(Startup|Start Menu|Windows|System32|\.ssh|etc)[\/\\]/is
    condition:
        uint16(0) == 0x4B50 and $a
}

rule rar_program_named_as_document {
    meta:
        author = "sluss"
        description = "A RAR archive with a program or script that bears a document's name"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1036/007/"
    strings:
        $a = /[^\x00-\x1f]{1,40}\.(pdf|docx?|xlsx?|xlsm|pptx?|rtf|txt|csv|jpe?g|png|gif|bmp|mp[34]|html?|xml|odt|ods|eml|msg|zip)[ _]{0,120}\.(exe|scr|pif|jse|vbs|vbe|wsf|wsh|hta|lnk)/i
    condition:
        (uint32be(0) == 0x52617221 or uint32be(0) == 0x4D534346) and filesize < 64MB and $a
}

rule ace_archive {
    meta:
        author = "sluss"
        description = "An ACE archive: nothing honest has been packed so for many years"
        severity = "suspicious"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2018-20250"
    strings:
        $a = "**ACE**"
    condition:
        $a at 7
}

rule iso_shortcut_and_program {
    meta:
        author = "sluss"
        description = "A disk image with a shortcut and a program or script for it"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1553/005/"
    strings:
        $iso = "CD001"
        $udf = "BEA01"
        $lnk1 = ".LNK;1" nocase
        $lnk2 = { 00 2E 00 6C 00 6E 00 6B }
        $lnk3 = { 00 2E 00 4C 00 4E 00 4B }
        $p1 = /\.(DLL|EXE|JS|JSE|VBS|VBE|HTA|WSF|BAT|CMD|PS1|DAT|CPL|OCX);1/
        $p2 = { 00 2E 00 64 00 6C 00 6C }
        $p3 = { 00 2E 00 65 00 78 00 65 }
        $p4 = { 00 2E 00 6A 00 73 }
        $p5 = { 00 2E 00 76 00 62 00 73 }
        $p6 = { 00 2E 00 62 00 61 00 74 }
        $p7 = { 00 2E 00 63 00 6D 00 64 }
        $p8 = { 00 2E 00 70 00 73 00 31 }
    condition:
        filesize < 64MB and ($iso at 32769 or $udf at 32769) and any of ($lnk*) and any of ($p*)
}

rule iso_script_host {
    meta:
        author = "sluss"
        description = "A small disk image that holds a script"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1553/005/"
    strings:
        $iso = "CD001"
        $udf = "BEA01"
        $p1 = /\.(JSE|VBS|VBE|HTA|WSF|WSH|SCR|PIF);1/
        $p2 = { 00 2E 00 76 00 62 00 73 }
        $p3 = { 00 2E 00 68 00 74 00 61 }
        $p4 = { 00 2E 00 77 00 73 00 66 }
        $p5 = { 00 2E 00 6A 00 73 00 65 }
        $p6 = { 00 2E 00 73 00 63 00 72 }
    condition:
        filesize < 8MB and ($iso at 32769 or $udf at 32769) and any of ($p*)
}

rule iso_program_named_as_document {
    meta:
        author = "sluss"
        description = "A disk image with a program that bears a document's name"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1036/007/"
    strings:
        $iso = "CD001"
        $udf = "BEA01"
        $a = /\.(pdf|docx?|xlsx?|xlsm|pptx?|rtf|txt|csv|jpe?g|png|gif|bmp|mp[34]|html?|xml|odt|ods|eml|msg|zip)[ _]{0,120}\.(exe|scr|pif|jse|vbs|vbe|wsf|wsh|hta|lnk)/i
        $b = /\x00\.\x00(p\x00d\x00f|d\x00o\x00c|d\x00o\x00c\x00x|x\x00l\x00s|x\x00l\x00s\x00x|j\x00p\x00g)\x00\.\x00(e\x00x\x00e|s\x00c\x00r|j\x00s|v\x00b\x00s|l\x00n\x00k|b\x00a\x00t|c\x00m\x00d|c\x00o\x00m)/i
    condition:
        filesize < 256MB and ($iso at 32769 or $udf at 32769) and any of ($a, $b)
}

rule iso_locked_names {
    meta:
        author = "sluss"
        description = "A disk image whose only shortcut is made to look like a document"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1553/005/"
    strings:
        $iso = "CD001"
        $udf = "BEA01"
        $lnk1 = ".LNK;1" nocase
        $lnk2 = { 00 2E 00 6C 00 6E 00 6B }
        $lnk3 = { 00 2E 00 4C 00 4E 00 4B }
        $guid = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
    condition:
        filesize < 16MB and ($iso at 32769 or $udf at 32769) and any of ($lnk*) and $guid
}

rule zip_shortcut {
    meta:
        author = "sluss"
        description = "A small zip with a Windows shortcut in it"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}[^\x00]{1,200}\.lnk([^a-z0-9._ -]|PK|UT|UX|UP|UC)/is
    condition:
        uint16(0) == 0x4B50 and filesize < 4MB and $a
}

rule zip_script_host {
    meta:
        author = "sluss"
        description = "A small zip with a script for Windows in it"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $a = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}[^\x00]{1,200}\.(vbs|wsf)([^a-z0-9._ -]|PK|UT|UX|UP|UC)/is
    condition:
        uint16(0) == 0x4B50 and filesize < 1MB and $a
}

rule gzip_program {
    meta:
        author = "sluss"
        description = "A program or script packed alone with gzip"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/015/"
    strings:
        $a = /[^\x00]{1,80}\.(exe|scr|pif|com|bat|cmd|js|jse|vbs|vbe|wsf|wsh|hta|lnk|ps1|cpl|msi|jar|url|iso|img)\x00/i
    condition:
        uint32be(0) == 0x1F8B0808 and $a in (10..300)
}

rule zip_android_app {
    meta:
        author = "sluss"
        description = "An application for Android"
        severity = "info"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}AndroidManifest\.xml/s
        $b = /PK\x01\x02..[\x00-\x3f][\x00-\x14].{20}.[\x00-\x04].[\x00-\x04]..\x00\x00.{10}classes\.dex/s
    condition:
        uint16(0) == 0x4B50 and all of them
}
