// Windows programs in places where no honest mail has them.

// Something a click opens: not the mail as it came, not its body, not a text that is only read.
private rule file_of_its_own {
    condition:
        part_kind != "message"
        and (filename != "" or (part_kind != "text" and part_kind != "html" and part_kind != "calendar"))
        and not extension matches /^\.(txt|log|md|csv|eml|patch|diff|c|h)$/
}

rule program_named_as_document {
    meta:
        author = "sluss"
        description = "A Windows program that bears a document's or picture's name"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1036/008/"
    condition:
        uint16(0) == 0x5A4D and uint32(0x3C) < filesize and uint32(uint32(0x3C)) == 0x00004550
        and extension matches /^\.(pdf|docx?|docm|xlsx?|xlsm|pptx?|rtf|txt|csv|jpe?g|png|gif|bmp|mp[34]|html?|xml|odt|ods|zip)$/
}

rule program_as_screen_saver {
    meta:
        author = "sluss"
        description = "A Windows program with an ending that only hides what it is"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1218/002/"
    condition:
        uint16(0) == 0x5A4D and uint32(0x3C) < filesize and uint32(uint32(0x3C)) == 0x00004550
        and extension matches /^\.(scr|pif|com|bat|cmd)$/
}

rule program_in_text {
    meta:
        author = "sluss"
        description = "A Windows program written as text"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $a = "TVqQAAMAAAAEAAAA" ascii wide
        $b = "TVpQAAIAAAAEAA8A" ascii wide
        $c = "TVqAAAEAAAAEABAA" ascii wide
        $d = "4d5a90000300000004000000ffff" nocase ascii wide
        $e = "4d5a50000200000004000f00ffff" nocase ascii wide
    condition:
        file_of_its_own and filesize < 64MB and any of them and not uint16(0) == 0x5A4D
}

rule program_in_text_reversed {
    meta:
        author = "sluss"
        description = "A Windows program written as text from back to front"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $a = "AAAAEAAAAMAAQqVT" ascii wide
        $b = "A8AAEAAAAIAAQpVT" ascii wide
        $c = "ffff00004000000030000900a5d4" nocase ascii wide
        $d = "edom SOD ni nur eb tonnac margorp sihT" ascii wide
    condition:
        filesize < 64MB and any of them
}

rule program_masked {
    meta:
        author = "sluss"
        description = "A Windows program masked with one byte"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/013/"
    strings:
        $a = "This program cannot be run in DOS mode" xor(0x01-0xff)
    condition:
        file_of_its_own and filesize < 32MB and $a and not uint16(0) == 0x5A4D
}

rule program_in_picture {
    meta:
        author = "sluss"
        description = "A picture with a Windows program hung on behind"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/003/"
    strings:
        $a = "This program cannot be run in DOS mode"
        $b = "This program must be run under Win32"
    condition:
        (uint32be(0) == 0x89504E47 or uint32be(0) == 0x47494638 or uint16be(0) == 0xFFD8) and filesize < 64MB and any of them
}

rule program_autoit {
    meta:
        author = "sluss"
        description = "A Windows program that is an AutoIt script"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/010/"
    strings:
        $a = "AU3!EA06"
        $b = "This is a third-party compiled AutoIt script." wide
    condition:
        uint16(0) == 0x5A4D and any of them
}

rule program_remote_control {
    meta:
        author = "sluss"
        description = "A Windows program that is an installer of remote control"
        severity = "info"
        reference = "https://attack.mitre.org/techniques/T1219/"
    strings:
        $a = "ScreenConnect.Client" ascii wide
        $b = "AteraAgent" ascii wide
        $c = "NetSupport Manager" nocase ascii wide
        $d = "SimpleHelp Remote" nocase ascii wide
    condition:
        (uint16(0) == 0x5A4D or uint32be(0) == 0xD0CF11E0) and filesize < 64MB and any of them
}

rule program_autohotkey {
    meta:
        author = "sluss"
        description = "A Windows program that is an AutoHotkey script"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1059/010/"
    strings:
        $a = ">AUTOHOTKEY SCRIPT<" ascii wide
        $b = "; <COMPILER: v" ascii wide
    condition:
        uint16(0) == 0x5A4D and any of them
}

rule program_python_bundle {
    meta:
        author = "sluss"
        description = "A Windows program that is a Python script"
        severity = "info"
        reference = "https://attack.mitre.org/techniques/T1059/006/"
    strings:
        $a = { 4D 45 49 0C 0B 0A 0B 0E }
    condition:
        uint16(0) == 0x5A4D and $a
}

rule program_packed {
    meta:
        author = "sluss"
        description = "A Windows program packed with UPX"
        severity = "info"
        reference = "https://attack.mitre.org/techniques/T1027/002/"
    strings:
        $a = "UPX0\x00\x00\x00\x00"
        $b = "UPX1\x00\x00\x00\x00"
    condition:
        uint16(0) == 0x5A4D and $a in (0..2048) and $b in (0..2048)
}
